import { describe, expect, test } from "vitest";
import type { FabricError } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { FULL_GRANT } from "../../../src/protocol/access.ts";
import { authenticate, challengeOf } from "../../../src/worker/auth.ts";
import type { FabricEnv } from "../../../src/worker/env.ts";
import { TEST_KEY, signToken, unsignedToken } from "../../support/tokens.ts";

const KEYED = { SELVEDGE_KEY: TEST_KEY } as FabricEnv;
const OPEN = { SELVEDGE_OPEN: "loopback" } as FabricEnv;

const get = (headers: Record<string, string> = {}, url = "https://fabric.example/v1/logs") =>
  new Request(url, { headers });
const bearer = (token: string) => get({ Authorization: `Bearer ${token}` });

async function failure(request: Request, env: FabricEnv, anyOrigin = false): Promise<FabricError> {
  return authenticate(request, env, anyOrigin).then(
    () => expect.fail("it was let in"),
    (error: unknown) => error as FabricError,
  );
}

describe("a deployment with a key", () => {
  test("a token gives what its claims say", async () => {
    const token = await signToken({ sub: "sensor-1", publish: ["zeek/"], logs: ["*"] });
    const grant = await authenticate(bearer(token), KEYED);
    expect(grant).toEqual({
      publish: ["zeek/"],
      subscribe: [],
      logs: ["*"],
      name: "sensor-1",
      nodeType: undefined,
      admin: false,
      peer: false,
    });
  });

  test("the token may be the password of HTTP Basic, or a subprotocol", async () => {
    const token = await signToken({ admin: true });
    const basic = get({ Authorization: `Basic ${btoa(`sensor:${token}`)}` });
    const offered = get({ "Sec-WebSocket-Protocol": `selvedge.v1.cbor, selvedge.token.${token}` });
    for (const request of [basic, offered]) {
      await expect(authenticate(request, KEYED)).resolves.toMatchObject({ admin: true });
    }
  });

  test("no token is no_token, 401", async () => {
    const error = await failure(get(), KEYED);
    expect(error).toMatchObject({ code: "no_token", http: 401 });
    expect(challengeOf(error)).toEqual({ "WWW-Authenticate": 'Bearer realm="selvedge"' });
  });

  test("an expired token is token_expired, 401", async () => {
    const token = await signToken({ admin: true, exp: Math.floor(Date.now() / 1000) - 1 });
    const error = await failure(bearer(token), KEYED);
    expect(error).toMatchObject({ code: "token_expired", http: 401 });
    expect(challengeOf(error)["WWW-Authenticate"]).toContain('error="invalid_token"');
  });

  test("tokens signed with another key, with another algorithm or not at all are token_invalid", async () => {
    const foreign = await signToken({ admin: true }, "another-key-another-key-another-key-");
    const sha512 = await signToken({ admin: true }, `${TEST_KEY}${TEST_KEY.slice(5)}`, "HS512");
    const sameKeySha512 = await signToken({ admin: true }, `x:${"k".repeat(64)}`, "HS512");
    for (const token of [foreign, sha512, unsignedToken({ admin: true }), "rubbish", "a.b.c"]) {
      expect(await failure(bearer(token), KEYED)).toMatchObject({ code: "token_invalid", http: 401 });
    }
    const keyed512 = { SELVEDGE_KEY: "k".repeat(64) } as FabricEnv;
    expect(await failure(bearer(sameKeySha512), keyed512)).toMatchObject({ code: "token_invalid" });
  });

  test("an Authorization header of another kind is token_invalid", async () => {
    for (const header of ["Digest abc", "Basic !!!"]) {
      expect(await failure(get({ Authorization: header }), KEYED)).toMatchObject({ code: "token_invalid" });
    }
  });

  test("a token of tokenBytesMax bytes is looked at, one longer is not", async () => {
    const filled = async (name: number) => signToken({ sub: "n".repeat(name), admin: true });
    const overhead = (await filled(3_000)).length - 4_000;
    // base64url: four bytes for three.
    const longest = await filled(Math.floor(((LIMITS.tokenBytesMax - overhead) * 3) / 4));
    expect(longest.length).toBeGreaterThan(LIMITS.tokenBytesMax - 4);
    expect(longest.length).toBeLessThanOrEqual(LIMITS.tokenBytesMax);
    await expect(authenticate(bearer(longest), KEYED)).resolves.toMatchObject({ admin: true });
    const longer = await filled(Math.floor(((LIMITS.tokenBytesMax - overhead) * 3) / 4) + 6);
    expect(longer.length).toBeGreaterThan(LIMITS.tokenBytesMax);
    expect(await failure(bearer(longer), KEYED)).toMatchObject({ code: "token_invalid" });
  });

  test("while a key is replaced, tokens of both keys hold; afterwards only the new ones", async () => {
    const [older, newer] = ["old:oooooooooooooooooooooooooooooooo", "new:nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"];
    const token = bearer(await signToken({ admin: true }, older));
    await expect(authenticate(token, { SELVEDGE_KEY: older } as FabricEnv)).resolves.toBeDefined();
    await expect(
      authenticate(token, { SELVEDGE_KEY: `${newer} ${older}` } as FabricEnv),
    ).resolves.toBeDefined();
    expect(await failure(token, { SELVEDGE_KEY: newer } as FabricEnv)).toMatchObject({
      code: "token_invalid",
    });
  });
});

describe("a deployment without a key", () => {
  test("refuses everybody with no_key, 503", async () => {
    for (const request of [get(), bearer(await signToken({ admin: true }))]) {
      expect(await failure(request, {} as FabricEnv)).toMatchObject({ code: "no_key", http: 503 });
    }
  });

  test("so does one with a key that is too short", async () => {
    const env = { SELVEDGE_KEY: "short" } as FabricEnv;
    expect(await failure(get(), env)).toMatchObject({ code: "no_key" });
  });

  test("a value of SELVEDGE_OPEN other than loopback opens nothing", async () => {
    const env = { SELVEDGE_OPEN: "true" } as FabricEnv;
    expect(await failure(get(), env)).toMatchObject({ code: "no_key" });
  });
});

describe("an open fabric", () => {
  test.each(["http://127.0.0.1:8787/", "http://localhost:8787/", "http://[::1]:8787/", "http://127.1.2.3/"])(
    "lets %s do everything",
    async (url) => {
      expect(await authenticate(get({}, url), OPEN)).toBe(FULL_GRANT);
    },
  );

  test.each(["http://10.0.0.1:8787/", "http://rebound.example/", "http://127.0.0.1.example/"])(
    "refuses the name %s: forbidden, 403",
    async (url) => {
      expect(await failure(get({}, url), OPEN, true)).toMatchObject({ code: "forbidden", http: 403 });
    },
  );

  test("refuses pages of other sites, but not on Zeek's WebSocket API", async () => {
    const from = (origin: string) => get({ Origin: origin }, "http://127.0.0.1:8787/");
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1.evil.example"]) {
      expect(await failure(from(origin), OPEN)).toMatchObject({ code: "forbidden" });
      await expect(authenticate(from(origin), OPEN, true)).resolves.toBe(FULL_GRANT);
    }
    for (const origin of ["http://127.0.0.1:8787", "http://localhost:3000", "file://"]) {
      await expect(authenticate(from(origin), OPEN)).resolves.toBe(FULL_GRANT);
    }
  });
});
