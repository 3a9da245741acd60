/* snapshot: bad files of T26, what a good file means, look-ups, reloads, and 10,000 clients. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/num.h"
#include "base/secret.h"
#include "config/snapshot.h"

#define CASES EG_TESTS_DIR "/proofs/T26-cases/"
#define DIGEST_OF_PW                                                                                         \
    "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" /* sha256sum of "password" */
#define DIGEST_OF_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* of "a" */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

/* ---- help ---- */

static char directory[] = "/tmp/easgate-test-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, struct slice text, mode_t mode)
{
    FILE *f = fopen(path_of(name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static void read_file(const char *path, struct sbuf *out)
{
    FILE *f = fopen(path, "rb");
    int c;

    if (!f)
        fail_msg("cannot open %s", path);
    while ((c = fgetc(f)) != EOF)
        sbuf_addc(out, (char)c);
    fclose(f);
    assert_true(sbuf_ok(out));
}

static struct snapshot *load_text(const char *text)
{
    struct config_errors errors = { 0 };
    struct snapshot *s = snapshot_load_text("conf/f.ini", slice_of(text), false, &errors);

    if (!s)
        fail_msg("refused: %s", errors.text.p);
    config_errors_drop(&errors);
    return s;
}

/* A refused text; the errors in *out. */
static void refuse_text(const char *text, struct sbuf *out)
{
    struct config_errors errors = { 0 };

    assert_null(snapshot_load_text("f.ini", slice_of(text), false, &errors));
    assert_true(errors.count > 0 && errors.text.n > 0);
    sbuf_clear(out);
    sbuf_add(out, sbuf_slice(&errors.text));
    config_errors_drop(&errors);
}

#define UPSTREAM        "[upstream main]\nregion = cn-shanghai\n"
#define CREDS           "[credential main]\ntype = access_key\nfile = credentials\n"
#define AUDIT           "[audit]\npath = audit.jsonl\n"
#define CLIENT          "[client nlp]\ntoken_sha256 = " DIGEST_OF_PW "\npolicy = p\n"
#define POLICY          "[policy p]\nallow = @read\nservices = nlp_*\n"
#define ALL_BUT_GATEWAY UPSTREAM CREDS AUDIT CLIENT POLICY
#define GATEWAY         "[gateway]\nlisten = 127.0.0.1:8080\n"

/* ---- T26: bad files ---- */

static void decode(struct slice text, struct sbuf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        uint64_t times;
        struct slice rest = slice_skip(text, i), number = slice_skip(rest, 3);
        if (slice_starts(rest, S("\\x"))) {
            char hex[3] = { rest.p[2], rest.p[3], '\0' };
            unsigned byte;
            assert_int_equal(sscanf(hex, "%x", &byte), 1);
            sbuf_addc(out, (char)byte);
            i += 3;
        } else if (slice_starts(rest, S("\\"))) {
            if (rest.p[1] == 'c')
                return;
            sbuf_addc(out, (char)(rest.p[1] == 'n' ? '\n' : rest.p[1] == 'r' ? '\r' : '\t'));
            i++;
        } else if (rest.p[0] == '{' && rest.n > 4 && rest.p[2] == '*' &&
                   num_u64(slice_from(number.p, slice_find(number, '}')), 1, 9999, &times)) {
            for (uint64_t k = 0; k < times; k++)
                sbuf_addc(out, rest.p[1]);
            i += 3 + slice_find(number, '}');
        } else {
            sbuf_addc(out, rest.p[0]);
        }
    }
}

/* good.ini with line `at` replaced by new; at = 0: new alone. */
static void make_bad(struct slice good, uint64_t at, struct slice new, struct sbuf *out)
{
    struct slice rest = good, line;

    for (uint64_t n = 1; n < at && slice_split(&rest, '\n', &line); n++) {
        sbuf_add(out, line);
        sbuf_addc(out, '\n');
    }
    decode(new, out);
    if (slice_ends(new, S("\\c")) || new.n == 0)
        return;
    sbuf_addc(out, '\n');
    if (at && slice_split(&rest, '\n', &line))
        sbuf_add(out, rest);
}

/* Is there an error at this line that says this? */
static bool has_error(struct slice errors, uint64_t line, struct slice text)
{
    struct slice rest = errors, one;
    SCOPED(sbuf) place = SBUF_MAX(600);
    SCOPED(sbuf) wanted = SBUF_MAX(600);

    sbuf_addf(&place, "%s:%llu: ", path_of("bad.ini"), (unsigned long long)line);
    sbuf_add(&wanted, text);
    while (slice_split(&rest, '\n', &one)) {
        SCOPED(sbuf) copy = SBUF_MAX(2000);
        sbuf_add(&copy, one);
        if (slice_starts(one, sbuf_slice(&place)) && strstr(copy.p, wanted.p))
            return true;
    }
    return false;
}

static void bad_files_are_refused_with_their_line(void **state)
{
    SCOPED(sbuf) good = SBUF_MAX(10000);
    SCOPED(sbuf) cases = SBUF_MAX(100000);
    struct slice rest, one;
    size_t count = 0;

    (void)state;
    read_file(CASES "good.ini", &good);
    read_file(CASES "cases.txt", &cases);
    write_file("credentials", S("[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n"),
               0600);
    struct config_errors none = { 0 };
    struct snapshot *s = snapshot_load_text(path_of("bad.ini"), sbuf_slice(&good), true, &none);
    assert_non_null(s);
    snapshot_unref(&s);
    for (rest = sbuf_slice(&cases); slice_split(&rest, '\n', &one);) {
        struct slice line, text = SLICE_NONE, at = SLICE_NONE;
        uint64_t line_number = 0, at_number = 0;
        struct config_errors errors = { 0 };
        SCOPED(sbuf) bad = SBUF_MAX(20000);
        if (one.n == 0 || one.p[0] == '#')
            continue;
        assert_true(slice_split(&one, '|', &line) && slice_split(&one, '|', &text) &&
                    slice_split(&one, '|', &at));
        assert_true(num_u64(line, 1, 99, &line_number) && num_u64(at, 0, 99, &at_number));
        make_bad(sbuf_slice(&good), at_number, one, &bad);
        s = snapshot_load_text(path_of("bad.ini"), sbuf_slice(&bad), true, &errors);
        if (s)
            fail_msg("accepted: %.*s", SLICE_FMT(one));
        if (!has_error(sbuf_slice(&errors.text), line_number, text))
            fail_msg("%.*s: expected \"%.*s\" at line %.*s, got:\n%s", SLICE_FMT(one), SLICE_FMT(text),
                     SLICE_FMT(line), errors.text.p);
        config_errors_drop(&errors);
        count++;
    }
    assert_true(count >= 190);
}

static void refuse_file(const char *name, const char *text)
{
    struct config_errors errors = { 0 };

    assert_null(snapshot_load(path_of(name), true, &errors));
    if (!strstr(errors.text.p, text))
        fail_msg("expected \"%s\", got %s", text, errors.text.p);
    config_errors_drop(&errors);
}

static void files_that_others_can_write_are_refused(void **state)
{
    static const mode_t modes[] = { 0660, 0606, 0622, 0666, 0602, 0620, 0777 };
    SCOPED(sbuf) good = SBUF_MAX(10000);
    struct config_errors errors = { 0 };

    (void)state;
    read_file(CASES "good.ini", &good);
    write_file("mode.ini", sbuf_slice(&good), 0644);
    struct snapshot *s = snapshot_load(path_of("mode.ini"), true, &errors);
    assert_non_null(s);
    assert_non_null(s->clients[0].cred);
    snapshot_unref(&s);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file("mode.ini", sbuf_slice(&good), modes[i]);
        refuse_file("mode.ini", "cannot write it");
    }
    refuse_file("missing.ini", "missing.ini:1: the file cannot be opened");
    refuse_file(".", "not a regular file");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    refuse_file("fifo", "not a regular file");
    unlink(path_of("fifo"));
}

static void links_are_followed_only_out_of_safe_directories(void **state)
{
    SCOPED(sbuf) good = SBUF_MAX(10000);
    struct config_errors errors = { 0 };
    char target[200];

    (void)state;
    read_file(CASES "good.ini", &good);
    write_file("mode.ini", sbuf_slice(&good), 0644);
    snprintf(target, sizeof target, "%s", path_of("mode.ini"));
    assert_int_equal(symlink(target, path_of("link.ini")), 0);
    struct snapshot *s = snapshot_load(path_of("link.ini"), true, &errors);
    assert_non_null(s);
    snapshot_unref(&s);
    chmod(directory, 0777);
    refuse_file("link.ini", "symbolic link");
    chmod(directory, 0700);
    unlink(path_of("link.ini"));
}

static void credentials_that_others_can_read_are_refused(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0660, 0644, 0610, 0601 };
    SCOPED(sbuf) good = SBUF_MAX(10000);
    struct slice text =
        S("[default]\ntype = access_key\naccess_key_id = LTAI\naccess_key_secret = hush-hush\n");
    struct config_errors errors = { 0 };

    (void)state;
    read_file(CASES "good.ini", &good);
    write_file("mode.ini", sbuf_slice(&good), 0600);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file("credentials", text, modes[i]);
        refuse_file("mode.ini", "group and others must not read it");
    }
    write_file("credentials", text, 0400);
    struct snapshot *s = snapshot_load(path_of("mode.ini"), true, &errors);
    assert_non_null(s);
    assert_true(slice_eq(s->creds[0]->access_key_id, S("LTAI")));
    assert_true(slice_eq(secret_bytes(s->creds[0]->access_key_secret), S("hush-hush")));
    struct cred *kept = cred_ref(s->clients[0].cred);
    snapshot_unref(&s);
    assert_true(slice_eq(secret_bytes(kept->access_key_secret), S("hush-hush"))); /* outlives its snapshot */
    cred_unref(&kept);
    write_file("credentials", S("[default]\ntype = access_key\naccess_key_id = LTAI\nhush-hush\n"), 0600);
    assert_null(snapshot_load(path_of("mode.ini"), true, &errors));
    assert_null(strstr(errors.text.p, "hush-hush")); /* no error repeats what may be a secret */
    config_errors_drop(&errors);
}

/* ---- good files ---- */

static void defaults_are_those_of_the_documents(void **state)
{
    struct snapshot *s = load_text(GATEWAY ALL_BUT_GATEWAY);
    const struct cfg_gateway *g = &s->gateway;
    const struct cfg_upstream *u = &s->upstreams[0];

    (void)state;
    /* SECURITY section 4 "Load", "Head", "Body"; issue 2 points 9 and 10. */
    assert_int_equal(g->max_connections, 512);
    assert_int_equal(g->max_connections_per_peer, 32);
    assert_int_equal(g->max_body_bytes, 256 * 1024);
    assert_int_equal(g->max_inflight_bytes, 64 * 1024 * 1024);
    assert_int_equal(g->head_timeout_ms, 5000);
    assert_int_equal(g->body_timeout_ms, 10000);
    assert_int_equal(g->answer_timeout_ms, 10000);
    assert_int_equal(g->drain_timeout_ms, 30000);
    assert_int_equal(g->unix_mode, 0660);
    assert_int_equal(g->log_level, LOG_INFO);
    assert_false(g->allow_plaintext);
    assert_int_equal(u->timeout_ms, 30000);
    assert_int_equal(u->change_idle_max_ms, 5000);
    assert_int_equal(s->audit.durability, AUDIT_SYNCED);
    assert_int_equal(s->audit.commit_timeout_ms, 1000);
    assert_true(slice_eq(u->host, S("pai-eas.cn-shanghai.aliyuncs.com"))); /* docs/eas/endpoints.json */
    assert_true(slice_eq(u->host_header, S("pai-eas.cn-shanghai.aliyuncs.com")));
    assert_int_equal(u->port, 443);
    assert_true(slice_eq(s->audit.path, S("conf/audit.jsonl"))); /* from the directory of the file */
    assert_int_equal(s->audit.checkpoint_interval_ms, 60000);
    assert_true(slice_is_empty(s->audit.key_file));
    assert_int_equal(s->generation, 1);
    assert_int_equal(s->warning_count, 1);
    assert_non_null(strstr(s->warnings, "warning: [audit] has no key_file"));
    snapshot_unref(&s);
    assert_null(s);
}

static void values_mean_what_they_say(void **state)
{
    struct snapshot *s = load_text(
        "[gateway]\nlisten = 127.0.0.1:0, unix:/run/e.sock\nlisten = [::1]:81\nlog_level = debug\n"
        "head_timeout = 250ms\nmax_inflight_bytes = 2g\nunix_mode = 600\n"
        "[upstream u]\nregion = cn-beijing\nendpoint = x.vpc.aliyuncs.com:8443\nca_file = /etc/ca.pem\n" CREDS
            AUDIT "durability = written\n"
        "[client nlp]\ntoken_sha256 = " DIGEST_OF_PW ", " DIGEST_OF_A "\npolicy = p\n"
        "[policy p]\nallow = CreateAppService\nallow = @read\nservices = nlp_*, x\napp_types = LLM\n"
        "service_specs = a_1 <= 4, b<=2\nservice_specs = c\nmax_replicas = 7\n");
    const struct policy *p = s->clients[0].policy;

    (void)state;
    assert_int_equal(s->gateway.listen.count, 3);
    assert_true(slice_eq(s->gateway.listen.at[2].text, S("[::1]:81")));
    assert_int_equal(s->gateway.listen.at[2].line, 3);
    assert_int_equal(s->gateway.log_level, LOG_DEBUG);
    assert_int_equal(s->gateway.head_timeout_ms, 250);
    assert_int_equal(s->gateway.max_inflight_bytes, (uint64_t)2 << 30);
    assert_int_equal(s->gateway.unix_mode, 0600);
    assert_int_equal(s->upstreams[0].port, 8443);
    assert_true(slice_eq(s->upstreams[0].host_header, S("x.vpc.aliyuncs.com:8443")));
    assert_true(slice_eq(s->upstreams[0].ca_file, S("/etc/ca.pem")));
    assert_int_equal(s->audit.durability, AUDIT_WRITTEN);
    assert_ptr_equal(p, &s->policies[0]);
    assert_int_equal(POLICY_RULES(p, service_specs)->count, 3);
    assert_true(slice_eq(POLICY_RULES(p, service_specs)->at[0].text, S("a_1")) &&
                POLICY_RULES(p, service_specs)->at[0].has_cap);
    assert_int_equal(POLICY_RULES(p, service_specs)->at[0].cap, 4);
    assert_true(slice_eq(POLICY_RULES(p, service_specs)->at[1].text, S("b")));
    assert_int_equal(POLICY_RULES(p, service_specs)->at[1].cap, 2);
    assert_false(POLICY_RULES(p, service_specs)->at[2].has_cap);
    assert_string_equal(POLICY_RULES(p, service_specs)->key, "service_specs");
    assert_string_equal(POLICY_RULES(p, service_specs)->at[2].file, "conf/f.ini");
    assert_int_equal(POLICY_RULES(p, service_specs)->at[2].line, 27);
    assert_int_equal(POLICY_RULES(p, max_replicas)->at[0].cap, 7);
    assert_int_equal(POLICY_RULES(p, workspaces)->count, 0);
    assert_string_equal(POLICY_RULES(p, workspaces)->key,
                        "workspaces"); /* a refusal names the key that is not set */
    assert_non_null(p->allowed[opcat_index(opcat_by_name(S("CreateAppService")))]);
    assert_null(p->allowed[opcat_index(opcat_by_name(S("DeleteService")))]);
    snapshot_unref(&s);
}

static void keys_that_nothing_looks_at_are_a_warning(void **state)
{
    struct snapshot *s = load_text(
        GATEWAY UPSTREAM CREDS AUDIT CLIENT
        "[policy p]\nallow = @read, DeleteService\nservices = nlp_*\nvpcs = vpc-1\nmax_replicas = 2\n"
        "images = x/*\nspec_gpus = a = 1\ninternet = no\ngateways = gw-1\n");

    (void)state;
    assert_non_null(
        strstr(s->warnings, "conf/f.ini:17: warning: max_replicas of [policy p] is never looked at"));
    assert_non_null(strstr(s->warnings, "conf/f.ini:18: warning: images of [policy p] is never looked at"));
    assert_non_null(
        strstr(s->warnings, "conf/f.ini:19: warning: spec_gpus of [policy p] is never looked at"));
    assert_non_null(strstr(s->warnings, "conf/f.ini:20: warning: internet of [policy p] is never looked at"));
    assert_null(strstr(s->warnings, "gateways of")); /* reads name one in their path */
    snapshot_unref(&s);
}

/* FLAG and COUNTS, and what a printed configuration says of them. */
static void flags_and_counts_are_kept_with_their_lines(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(100000);
    struct snapshot *s = load_text(GATEWAY UPSTREAM CREDS AUDIT CLIENT
                                   "[policy p]\nallow = CreateService\nservices = p_*\nmax_replicas = 2\n"
                                   "instance_types = a, b\nmax_total_gpus = 8\nspec_gpus = a = 1, b=4\n"
                                   "internet = yes\n");
    const struct policy *p = &s->policies[0];
    int64_t n = 0;

    (void)state;
    assert_true(policy_cap(p, BOUND_max_total_gpus, &n) && n == 8);
    assert_false(policy_cap(p, BOUND_max_cpu, &n));
    assert_int_equal(POLICY_RULES(p, spec_gpus)->count, 2);
    assert_true(slice_eq(POLICY_RULES(p, spec_gpus)->at[1].text, S("b")));
    assert_int_equal(POLICY_RULES(p, spec_gpus)->at[1].cap, 4);
    assert_true(slice_eq(POLICY_RULES(p, internet)->at[0].text, S("yes")));
    assert_int_equal(POLICY_RULES(p, internet)->at[0].line, 20);
    assert_true(policy_gpus(p, S("b"), true, 2, &n) && n == 4); /* at least what the table says */
    assert_true(policy_gpus(p, S("a"), true, 2, &n) && n == 2);
    assert_true(policy_gpus(p, S("c"), true, 3, &n) && n == 3);
    assert_false(policy_gpus(p, S("c"), false, 0, &n));
    snapshot_print(s, &text);
    assert_non_null(strstr(text.p, "\nspec_gpus = a = 1, b = 4\n"));
    assert_non_null(strstr(text.p, "\ninternet = yes\n"));
    snapshot_unref(&s);
}

static void all_errors_are_reported_at_once(void **state)
{
    SCOPED(sbuf) errors = SBUF_MAX(10000);

    (void)state;
    refuse_text("[gateway]\nlisten = x\nhead_timeout = 5\n[upstream u]\nregion = moon\n[audit]\n[client "
                "c]\npolicy = q\n"
                "[policy p]\nallow = Nope\nfoo = bar\n",
                &errors);
    assert_string_equal(
        errors.p,
        "f.ini:2: listen of [gateway] is \"x\": expected ADDRESS:PORT, [V6ADDRESS]:PORT or unix:/PATH\n"
        "f.ini:3: head_timeout of [gateway] is \"5\": expected DURATION (500ms, 30s, 5m, 2h) in 100ms..1h\n"
        "f.ini:5: region of [upstream u] is \"moon\": EAS has no such region, expected one such as "
        "cn-shanghai\n"
        "f.ini:6: [audit] has no path, expected path = PATH (relative ones begin in the directory of this "
        "file)\n"
        "f.ini:7: [client c] has no token_sha256, expected token_sha256 = SHA256, SHA256 ... (64 hex digits "
        "each)\n"
        "f.ini:8: policy of [client c] is \"q\": there is no [policy q]\n"
        "f.ini:9: [policy p] has no services, expected services = PATTERN, PATTERN ...\n"
        "f.ini:10: allow of [policy p] is \"Nope\": expected an operation of EAS or a class such as @read "
        "(`easgate ops` lists them)\n"
        "f.ini:11: unknown key \"foo\" in [policy p], expected one of: allow, services, groups, workspaces, "
        "quotas, "
        "app_types, app_versions, service_specs, instance_types, max_replicas, max_total_replicas, "
        "max_total_gpus, spec_gpus, max_cpu, max_memory, max_gpus, max_gpu_memory, "
        "max_gpu_core_percentage, max_disk, "
        "max_shared_memory, "
        "images, oss_paths, nas_mount_targets, nas_paths, git_repos, vpcs, vswitches, security_groups, "
        "cidrs, "
        "peer_accounts, internet, domains, certificates, gateways, resources, virtual_resources, "
        "benchmark_tasks, configs, addons, roles, external_clusters, label_keys, log_projects, "
        "machine_types, "
        "max_machines, max_resources, max_virtual_resources, gateway_types, max_gateways, "
        "max_gateway_replicas, charge_types, auto_renewal, resource_burstable, max_benchmark_tasks, "
        "max_benchmark_agents, max_benchmark_duration, max_benchmark_rate, benchmark_urls, mode, "
        "until\n"
        "f.ini:11: there is no [credential NAME], expected at least one\n");
}

static void secrets_are_never_repeated(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(100000);

    (void)state;
    refuse_text(GATEWAY UPSTREAM CREDS AUDIT "[client c]\ntoken_sha256 = deadbeef\npolicy = p\n" POLICY,
                &text);
    assert_null(strstr(text.p, "deadbeef"));
    refuse_text(GATEWAY UPSTREAM CREDS AUDIT CLIENT "[client c]\ntoken_sha256 = " DIGEST_OF_PW
                                                    "\npolicy = p\n" POLICY,
                &text);
    assert_null(strstr(text.p, "5e884898"));
    struct snapshot *s = load_text(GATEWAY ALL_BUT_GATEWAY);
    sbuf_clear(&text);
    snapshot_print(s, &text);
    assert_null(strstr(text.p, "5e884898"));
    assert_non_null(strstr(text.p, "token_sha256 = <secret>\n"));
    snapshot_unref(&s);
}

/* What is printed is a configuration again, with the same meaning (but for the masks). */
static void print_and_load_agree(void **state)
{
    SCOPED(sbuf) first = SBUF_MAX(100000);
    SCOPED(sbuf) again = SBUF_MAX(100000);
    SCOPED(sbuf) second = SBUF_MAX(100000);
    struct snapshot *s =
        load_text("[gateway]\nlisten = [::1]:80, 127.0.0.1:0\nhosts = a.b, c:81\nhead_timeout = 90s\n"
                  "max_body = 2000\n" UPSTREAM CREDS "profile = prod\n"
                  "[audit]\npath = /a/b\n" CLIENT POLICY "service_specs = a <= 1, b\nmax_replicas = 2\n");

    (void)state;
    snapshot_print(s, &first);
    snapshot_unref(&s);
    for (const char *p = first.p; *p; p++) {
        if (strncmp(p, "<secret>", 8) == 0) {
            sbuf_adds(&again, DIGEST_OF_PW);
            p += 7;
        } else if (strncmp(p, "conf/credentials", 16) == 0) {
            sbuf_adds(&again, "credentials");
            p += 15;
        } else {
            sbuf_addc(&again, *p);
        }
    }
    s = load_text(again.p);
    snapshot_print(s, &second);
    snapshot_unref(&s);
    assert_non_null(strchr(first.p, '[')); /* the first line has the digest */
    assert_string_equal(strchr(first.p, '['), strchr(second.p, '['));
}

/* ---- look-ups ---- */

static void tokens_find_their_client(void **state)
{
    struct snapshot *s = load_text(GATEWAY UPSTREAM CREDS AUDIT CLIENT
                                   "[client two]\ntoken_sha256 = " DIGEST_OF_A "\npolicy = p\n" POLICY);
    const struct token *one, *two;

    (void)state;
    assert_true(slice_eq(snapshot_client_of_token(s, S("password"), &one)->name, S("nlp")));
    assert_true(slice_eq(snapshot_client_of_token(s, S("a"), &two)->name, S("two")));
    assert_int_equal(strlen(one->id), 16);
    assert_string_not_equal(one->id, two->id);
    assert_null(strstr(DIGEST_OF_PW, one->id)); /* gives nothing to look the token up by */
    /* printf 'easgate-token-id' and the 32 bytes of the digest, sha256sum: the same after every restart */
    assert_string_equal(one->id, "f45fbf5a6355adda");
    assert_null(snapshot_client_of_token(s, S("passwore"), &one));
    assert_null(one);
    assert_null(snapshot_client_of_token(s, S("password "), NULL));
    assert_null(snapshot_client_of_token(s, S(""), NULL));
    assert_null(snapshot_client_of_token(s, S(DIGEST_OF_PW), NULL)); /* the digest is no token */
    assert_ptr_equal(snapshot_client_by_name(s, S("two")), &s->clients[1]);
    assert_null(snapshot_client_by_name(s, S("Two")));
    snapshot_unref(&s);
}

static const struct {
    const char *gateway, *host;
    bool accepted;
} hosts[] = {
    { "listen = 127.0.0.1:8080\n", "127.0.0.1:8080", true },
    { "listen = 127.0.0.1:8080\n", "localhost:8080", true },
    { "listen = 127.0.0.1:8080\n", "LocalHost:8080", true },
    { "listen = 127.0.0.1:8080\n", "[::1]:8080", true },
    { "listen = 127.0.0.1:8080\n", "localhost", false },
    { "listen = 127.0.0.1:8080\n", "localhost:80", false },
    { "listen = 127.0.0.1:8080\n", "localhost:8080.evil.example", false },
    { "listen = 127.0.0.1:8080\n", "localhost.:8080", false },
    { "listen = 127.0.0.1:8080\n", "evil.example:8080", false },
    { "listen = 127.0.0.1:8080\n", "", false },
    { "listen = 127.0.0.1:80\n", "localhost", true },
    { "listen = 127.0.0.1:80\n", "localhost:80", true },
    { "listen = 127.0.0.1:0\n", "127.0.0.1:49152", true },
    { "listen = 127.0.0.1:0\n", "localhost:1", true },
    { "listen = 127.0.0.1:0\n", "localhost", true },
    { "listen = 127.0.0.1:0\n", "[::1]:5", true },
    { "listen = 127.0.0.1:0\n", "evil.example:49152", false },
    { "listen = 127.0.0.1:0\n", "localhost:", false },
    { "listen = 127.0.0.1:0\n", "localhost:123456", false },
    { "listen = 127.0.0.1:0\n", "localhost:80:80", false },
    { "listen = 127.0.0.1:0\n", ":80", false },
    { "listen = unix:/run/e.sock\n", "localhost", true },
    { "listen = unix:/run/e.sock\n", "easgate", true },
    { "listen = unix:/run/e.sock\n", "localhost:80", false },
    { "listen = unix:/run/e.sock\n", "127.0.0.1", false },
    { "listen = 10.0.0.5:8080\nallow_plaintext = yes\n", "10.0.0.5:8080", true },
    { "listen = 10.0.0.5:8080\nallow_plaintext = yes\n", "localhost:8080", false },
    { "listen = 127.0.0.1:8080\nhosts = gw.example\n", "gw.example", true },
    { "listen = 127.0.0.1:8080\nhosts = gw.example\n", "gw.example:8080", true },
    { "listen = 127.0.0.1:8080\nhosts = gw.example\n", "GW.Example:8080", true },
    { "listen = 127.0.0.1:8080\nhosts = gw.example\n", "gw.example:8081", false },
    { "listen = 127.0.0.1:8080\nhosts = gw.example\n", "localhost:8080", false },
    { "listen = 127.0.0.1:8080\nhosts = gw.example:443\n", "gw.example:443", true },
    { "listen = 127.0.0.1:8080\nhosts = gw.example:443\n", "gw.example", false },
    { "listen = 0.0.0.0:8080\nallow_plaintext = yes\nhosts = gw\n", "gw:8080", true },
    { "listen = 0.0.0.0:8080\nallow_plaintext = yes\nhosts = gw\n", "0.0.0.0:8080", false },
};

static void hosts_are_a_closed_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        SCOPED(sbuf) text = SBUF_MAX(2000);
        sbuf_addf(&text, "[gateway]\n%s" ALL_BUT_GATEWAY, hosts[i].gateway);
        struct snapshot *s = load_text(text.p);
        if (snapshot_has_host(s, slice_of(hosts[i].host)) != hosts[i].accepted)
            fail_msg("%s%s: expected %d", hosts[i].gateway, hosts[i].host, hosts[i].accepted);
        snapshot_unref(&s);
    }
}

/* ---- reload ---- */

static const struct {
    const char *now, *next, *error; /* NULL: may replace */
} reloads[] = {
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY ALL_BUT_GATEWAY, NULL },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY "; moved\nhead_timeout = 1s\nlog_level = warn\n" ALL_BUT_GATEWAY,
      NULL },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY "unix_mode = 0660\n" ALL_BUT_GATEWAY,
      NULL }, /* the default, spelled out */
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY UPSTREAM "timeout = 9s\n" CREDS AUDIT CLIENT POLICY "workspaces = 1\n",
      NULL },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY "unix_mode = 0600\n" ALL_BUT_GATEWAY,
      "conf/f.ini:3: unix_mode of [gateway] is 0600 and was 0660 (the default)" },
    { GATEWAY ALL_BUT_GATEWAY, "[gateway]\nlisten = 127.0.0.1:8081\n" ALL_BUT_GATEWAY,
      "conf/f.ini:2: listen of [gateway] is 127.0.0.1:8081 and was 127.0.0.1:8080 (conf/f.ini:2)" },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY "admin_listen = 127.0.0.1:1\n" ALL_BUT_GATEWAY,
      "conf/f.ini:3: admin_listen of [gateway] is 127.0.0.1:1 and was not set (the default)" },
    { GATEWAY "admin_listen = 127.0.0.1:1\n" ALL_BUT_GATEWAY, GATEWAY ALL_BUT_GATEWAY,
      "conf/f.ini:1: admin_listen of [gateway] is not set and was 127.0.0.1:1 (conf/f.ini:3)" },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY UPSTREAM CREDS "[audit]\npath = b\n" CLIENT POLICY,
      "path of [audit] is conf/b" },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY UPSTREAM CREDS AUDIT "durability = written\n" CLIENT POLICY,
      "durability of [audit]" },
    { GATEWAY ALL_BUT_GATEWAY, GATEWAY "[upstream main]\nregion = cn-beijing\n" CREDS AUDIT CLIENT POLICY,
      "region of [upstream] is cn-beijing" },
};

static void a_reload_changes_no_boot_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reloads / sizeof reloads[0]; i++) {
        struct snapshot *now = load_text(reloads[i].now), *next = load_text(reloads[i].next);
        struct config_errors errors = { 0 };
        bool ok = snapshot_may_replace(now, next, &errors);
        if (ok != !reloads[i].error || errors.count != (ok ? 0 : 1) ||
            (reloads[i].error && !strstr(errors.text.p, reloads[i].error)))
            fail_msg("case %zu: %s", i, errors.text.p ? errors.text.p : "may replace");
        config_errors_drop(&errors);
        snapshot_unref(&now);
        snapshot_unref(&next);
    }
}

/* ---- many clients ---- */

static void add_clients(unsigned count, bool own_policies, struct sbuf *out)
{
    sbuf_adds(out, GATEWAY UPSTREAM CREDS AUDIT);
    for (unsigned i = 0; i < count; i++)
        sbuf_addf(out, "[client c%u]\ntoken_sha256 = %064x\npolicy = p%u\n", i, i + 1, own_policies ? i : 0);
    for (unsigned i = 0; i < (own_policies ? count : 1); i++)
        sbuf_addf(out, "[policy p%u]\nallow = @read\nservices = team%u_*\n", i, i);
    sbuf_addf(out, "[client last]\ntoken_sha256 = " DIGEST_OF_PW "\npolicy = p0\n");
}

/* Names that share their end are candidates of each other as those that share their beginning. */
static void patterns_that_begin_with_a_star_cost_little(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(4 << 20);

    (void)state;
    sbuf_adds(&text, GATEWAY UPSTREAM CREDS AUDIT);
    for (unsigned i = 0; i < 4000; i++)
        sbuf_addf(&text,
                  "[client c%u]\ntoken_sha256 = %064x\npolicy = p%u\n[policy p%u]\nallow = @read\nservices = "
                  "*_team_with_a_name_of_its_own_%u_x\n",
                  i, i + 1, i, i, i);
    assert_true(sbuf_ok(&text));
    clock_t start = clock();
    struct snapshot *s = load_text(text.p);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("4,000 patterns that begin with a star: loaded in %.0f ms\n", seconds * 1000);
    assert_true(seconds < 2.0 * SLOWER);
    snapshot_unref(&s);
}

static void overlaps_are_found_wherever_the_stars_stand(void **state)
{
    static const struct {
        const char *one, *other;
        bool overlaps;
    } cases[] = {
        { "*_a", "*_a", true },     { "*_a", "*a", true },     { "*a", "*_a", true },
        { "*_a", "*_b", false },    { "*", "nlp_a", true },    { "*_a", "nlp_*", true },
        { "*_a", "nlp_a", true },   { "*_a", "nlp_b", false }, { "*_a*", "nlp_*", true },
        { "*_a_b", "x_*_b", true }, { "a*b", "a", false },     { "ab*", "*ab", true },
        { "ab", "*ab", true },      { "b", "*ab", false },     { "a*a", "a", false },
        { "a*", "*", true },        { "ab", "ab", true },      { "ab", "b", false },
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct config_errors errors = { 0 };
        SCOPED(sbuf) text = SBUF_MAX(65536);
        const char *one = cases[i / 2].one, *other = cases[i / 2].other;
        sbuf_addf(
            &text,
            GATEWAY UPSTREAM CREDS AUDIT
            "[client a]\ntoken_sha256 = %064x\npolicy = a\n[client b]\ntoken_sha256 = %064x\npolicy = b\n"
            "[policy a]\nallow = @read\nservices = %s\n[policy b]\nallow = @read\nservices = %s\n",
            1, 2, i % 2 ? other : one, i % 2 ? one : other);
        struct snapshot *s = snapshot_load_text("test.ini", sbuf_slice(&text), false, &errors);
        if (!s != cases[i / 2].overlaps ||
            (!s && !strstr(errors.text.p, "expected that each name has one owner")))
            fail_msg("%s and %s: %s", one, other, s ? "accepted" : errors.text.p);
        config_errors_drop(&errors);
        snapshot_unref(&s);
    }
}

static double look_up_ns(unsigned count)
{
    SCOPED(sbuf) text = SBUF_MAX(4 << 20);
    add_clients(count, false, &text);
    struct snapshot *s = load_text(text.p);
    double best = 1e9;

    for (int round = 0; round < 7; round++) {
        clock_t start = clock();
        for (int i = 0; i < 5000; i++)
            assert_non_null(snapshot_client_of_token(s, S("password"), NULL));
        double ns = (double)(clock() - start) / CLOCKS_PER_SEC * 1e9 / 5000;
        best = ns < best ? ns : best;
    }
    snapshot_unref(&s);
    return best;
}

static void ten_thousand_clients_cost_what_one_costs(void **state)
{
    (void)state;
    for (int own_policies = 0; own_policies < 2; own_policies++) {
        SCOPED(sbuf) text = SBUF_MAX(4 << 20);
        add_clients(10000, own_policies, &text);
        assert_true(sbuf_ok(&text));
        clock_t start = clock();
        struct snapshot *s = load_text(text.p);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        print_message("10,001 clients, %d polic%s: loaded in %.0f ms\n", own_policies ? 10000 : 1,
                      own_policies ? "ies" : "y", seconds * 1000);
        assert_int_equal(s->client_count, 10001);
        assert_true(seconds < 1.0 * SLOWER);
        snapshot_unref(&s);
    }
    double one = look_up_ns(1), many = look_up_ns(10000);
    print_message("look-up of a token: %.0f ns among 2, %.0f ns among 10,001\n", one, many);
    assert_true(many < one * 3 + 1000);
}

/* ---- the files of the repository ---- */

static void the_files_of_the_repository_are_fine(void **state)
{
    static const char *const files[] = { "easgate.ini", "demo.ini" };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        SCOPED(sbuf) path = SBUF_MAX(1000);
        SCOPED(sbuf) text = SBUF_MAX(100000);
        sbuf_addf(&path, EG_TESTS_DIR "/../conf/%s", files[i]);
        read_file(path.p, &text);
        struct snapshot *s = load_text(text.p);
        assert_int_equal(s->warning_count, 1);
        assert_non_null(strstr(s->warnings, "warning: [audit] has no key_file"));
        snapshot_unref(&s);
    }
}

/* What a log does not promise is said; and nothing where it does. */
static void a_weaker_log_is_a_warning(void **state)
{
    static const char rest[] =
        "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
        "[credential main]\ntype = access_key\nfile = c\n[client a]\ntoken_sha256 = "
        "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8\npolicy = p\n"
        "[policy p]\nallow = @read\nservices = a_*\n[audit]\npath = a.jsonl\n";
    static const struct {
        const char *more, *warning;
        size_t count;
    } rows[] = {
        { "", "conf/f.ini:14: warning: [audit] has no key_file", 1 },
        { "key_file = k\n", "", 0 },
        { "key_file = k\ndurability = synced\n", "", 0 },
        { "key_file = k\ndurability = written\n", "conf/f.ini:17: warning: durability = written", 1 },
        { "durability = written\n", "conf/f.ini:16: warning: durability = written", 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000];
        snprintf(text, sizeof text, "%s%s", rest, rows[i].more);
        struct snapshot *s = load_text(text);
        assert_int_equal(s->warning_count, rows[i].count);
        assert_non_null(strstr(s->warnings, rows[i].warning));
        snapshot_unref(&s);
    }
}

/* Issue 2 point 15: what the demo's clients may do. */
static void the_demo_is_what_the_issue_says(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(100000);

    (void)state;
    read_file(EG_TESTS_DIR "/../conf/demo.ini", &text);
    struct snapshot *s = load_text(text.p);
    const struct client *nlp = snapshot_client_by_name(s, S("nlp"));
    assert_non_null(nlp);
    const struct policy *p = nlp->policy;
    assert_true(slice_eq(s->gateway.listen.at[0].text, S("127.0.0.1:8080")));
    assert_true(slice_eq(s->gateway.admin_listen.at[0].text, S("127.0.0.1:9080")));
    assert_true(slice_eq(s->upstreams[0].host_header, S("127.0.0.1:8443")));
    assert_int_equal(POLICY_RULES(p, workspaces)->count, 1);
    assert_true(slice_eq(POLICY_RULES(p, workspaces)->at[0].text, S("12345")));
    assert_int_equal(POLICY_RULES(p, service_specs)->count, 2);
    assert_true(slice_eq(POLICY_RULES(p, service_specs)->at[0].text, S("llama_7b_fp16")) &&
                POLICY_RULES(p, service_specs)->at[0].cap == 4);
    assert_true(slice_eq(POLICY_RULES(p, service_specs)->at[1].text, S("chatglm_6b_int8")) &&
                POLICY_RULES(p, service_specs)->at[1].cap == 2);
    assert_int_equal(POLICY_RULES(p, max_replicas)->at[0].cap, 4);
    assert_non_null(policy_owns(p, BOUND_services, S("nlp_chat")));
    assert_null(policy_owns(p, BOUND_services, S("vision_chat")));
    assert_ptr_equal(snapshot_client_of_token(s, S("eg_demo_nlp_0123456789abcdef0123456789abcdef"), NULL),
                     nlp);
    assert_ptr_equal(snapshot_client_of_token(s, S("eg_demo_vision_0123456789abcdef0123456789abcd"), NULL),
                     snapshot_client_by_name(s, S("vision")));
    snapshot_unref(&s);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = { "credentials", "mode.ini", "" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(path_of(names[i]));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused_with_their_line),
        cmocka_unit_test(files_that_others_can_write_are_refused),
        cmocka_unit_test(links_are_followed_only_out_of_safe_directories),
        cmocka_unit_test(credentials_that_others_can_read_are_refused),
        cmocka_unit_test(defaults_are_those_of_the_documents),
        cmocka_unit_test(values_mean_what_they_say),
        cmocka_unit_test(a_weaker_log_is_a_warning),
        cmocka_unit_test(keys_that_nothing_looks_at_are_a_warning),
        cmocka_unit_test(flags_and_counts_are_kept_with_their_lines),
        cmocka_unit_test(all_errors_are_reported_at_once),
        cmocka_unit_test(secrets_are_never_repeated),
        cmocka_unit_test(print_and_load_agree),
        cmocka_unit_test(tokens_find_their_client),
        cmocka_unit_test(hosts_are_a_closed_list),
        cmocka_unit_test(a_reload_changes_no_boot_key),
        cmocka_unit_test(ten_thousand_clients_cost_what_one_costs),
        cmocka_unit_test(patterns_that_begin_with_a_star_cost_little),
        cmocka_unit_test(overlaps_are_found_wherever_the_stars_stand),
        cmocka_unit_test(the_files_of_the_repository_are_fine),
        cmocka_unit_test(the_demo_is_what_the_issue_says),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
