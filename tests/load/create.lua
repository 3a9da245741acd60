-- wrk: CreateAppService of one new service after the other (changes of the same one would wait for each other); a line of
-- figures at the end, which bench.py reads.
local token, before, after = os.getenv("BENCH_TOKEN"), os.getenv("BENCH_BODY"):match("^(.-nlp_bench)(.*)$")
local threads, made = 0, 0

wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. token

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

function request()
    made = made + 1
    return wrk.format(nil, nil, nil, before .. "_" .. id .. "_" .. made .. after)
end

function done(summary, latency)
    local e = summary.errors
    print(string.format("FIGURES requests=%d us=%d p50=%d p99=%d bad_status=%d broken=%d", summary.requests, summary.duration,
                        latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
