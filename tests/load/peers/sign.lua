-- Check a CreateAppService and sign it: cjson for the body, libcrypto by FFI for the hashes.
local ffi = require "ffi"
local bit = require "bit"
local decode = require("cjson.safe").decode

ffi.cdef [[
unsigned char *SHA256(const unsigned char *text, size_t bytes, unsigned char *out);
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_bytes, const unsigned char *text, size_t bytes,
                    unsigned char *out, unsigned int *out_bytes);
int RAND_bytes(unsigned char *out, int bytes);
]]
local crypto = ffi.load("crypto.so.3")
local sha256 = crypto.EVP_sha256()
local digest = ffi.new("unsigned char[32]")
local text = ffi.new("unsigned char[64]")
local digits = "0123456789abcdef"

local function hex(bytes)
    for i = 0, bytes - 1 do
        text[2 * i] = digits:byte(bit.rshift(digest[i], 4) + 1)
        text[2 * i + 1] = digits:byte(bit.band(digest[i], 15) + 1)
    end
    return ffi.string(text, 2 * bytes)
end

local function hash(s)
    crypto.SHA256(s, #s, digest)
    return hex(32)
end

local function mac(key, s)
    crypto.HMAC(sha256, key, #key, s, #s, digest, nil)
    return hex(32)
end

local second, date
local function date_now()
    local now = ngx.time()
    if now ~= second then
        second, date = now, os.date("!%Y-%m-%dT%H:%M:%SZ", now)
    end
    return date
end

local specs = { llama_7b_fp16 = 4, chatglm_6b_int8 = 2 }

local function is_allowed(body)
    local replicas = body and body.Replicas
    return body and body.AppType == "LLM" and type(replicas) == "number" and replicas >= 1 and
           replicas <= (specs[body.ServiceSpec] or 0) and tostring(body.ServiceName):find("^nlp_") ~= nil
end

local NAMES = "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

return {
    new = function(key_id, key_secret, token, host)
        local expected = "Bearer " .. token
        return function()
            ngx.req.read_body()
            local body = ngx.req.get_body_data() or ""
            if ngx.var.http_authorization ~= expected or ngx.req.get_method() ~= "POST" or not is_allowed(decode(body)) then
                return ngx.exit(403)
            end
            crypto.RAND_bytes(digest, 16)
            local nonce, sha, now = hex(16), hash(body), date_now()
            local kind = "application/json"
            local canonical = table.concat({ "POST", ngx.var.uri, ngx.var.args or "", "content-type:" .. kind, "host:" .. host,
                "x-acs-action:CreateAppService", "x-acs-content-sha256:" .. sha, "x-acs-date:" .. now,
                "x-acs-signature-nonce:" .. nonce, "x-acs-version:2021-07-01", "", NAMES, sha }, "\n")
            local signature = mac(key_secret, "ACS3-HMAC-SHA256\n" .. hash(canonical))
            local set = ngx.req.set_header
            set("content-type", kind)
            set("x-acs-action", "CreateAppService")
            set("x-acs-version", "2021-07-01")
            set("x-acs-content-sha256", sha)
            set("x-acs-date", now)
            set("x-acs-signature-nonce", nonce)
            set("authorization", "ACS3-HMAC-SHA256 Credential=" .. key_id .. ",SignedHeaders=" .. NAMES .. ",Signature=" ..
                signature)
        end
    end,
}
