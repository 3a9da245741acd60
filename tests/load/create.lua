-- wrk: one CreateAppService, again and again; a line of figures at the end, which bench.py reads.
local token, body = os.getenv("BENCH_TOKEN"), os.getenv("BENCH_BODY")

wrk.method = "POST"
wrk.body = body
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. token

function done(summary, latency)
    local e = summary.errors
    print(string.format("FIGURES requests=%d us=%d p50=%d p99=%d bad_status=%d broken=%d", summary.requests, summary.duration,
                        latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
