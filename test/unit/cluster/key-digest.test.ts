/** What is hashed of a key: Zeek's baselines, and what cannot be a key. */
import { describe, expect, it } from "vitest";
import { fnvBytes, FNV_OFFSET, utf8Length } from "../../../src/cluster/fnv.ts";
import { keyDigest, stringDigest } from "../../../src/cluster/key-digest.ts";
import { enumValue, none, string, timespan, vector, type Value } from "../../../src/data/value.ts";
import { keyOf } from "../../support/pool-rig.ts";
import vectors from "../../vectors/cluster/fnv1a-keys.json" with { type: "json" };

const hex = (digest: number) => `0x${digest.toString(16).padStart(8, "0")}`;
const ofBytes = (...bytes: readonly (string | number)[]) =>
  fnvBytes(
    FNV_OFFSET,
    Buffer.concat(bytes.map((b) => (typeof b === "string" ? Buffer.from(b) : Buffer.of(b)))),
  ) >>> 0;
const double = (n: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(n);
  return bytes.toString("latin1");
};
const latin1 = (...parts: readonly string[]) =>
  fnvBytes(FNV_OFFSET, Buffer.from(parts.join(""), "latin1")) >>> 0;

describe("the digest of a key", () => {
  it.each(vectors.vectors.map((v) => [v.type, v.value, v.fnv1a32] as const))(
    "is Zeek's: %s %j",
    (type, value, digest) => {
      expect(hex(keyDigest(keyOf(type, value)))).toBe(digest);
    },
  );

  it.each(vectors.computedOnly.vectors.map((v) => [v.type, v.value, v.fnv1a32] as const))(
    "follows Zeek's description: %s %j",
    (type, value, digest) => {
      expect(hex(keyDigest(keyOf(type, value)))).toBe(digest);
    },
  );

  it("of text is that of its UTF-8 bytes, whatever they are", () => {
    for (const text of ["", "a", "ü", "\u07ff\u0800\uffff", "😀 \u{10ffff}", "x\0y"]) {
      expect(stringDigest(text)).toBe(stringDigest(new TextEncoder().encode(text)));
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      expect(stringDigest(text, "2.6")).toBe(stringDigest(new TextEncoder().encode(text), "2.6"));
    }
  });

  it("of an interval is that of its parts", () => {
    const second = 1_000_000_000n;
    const tag = "\x06\0\0\0";
    expect(keyDigest(timespan(0n))).toBe(latin1(tag, "0 secs\0"));
    expect(keyDigest(timespan(90_061n * second))).toBe(
      latin1(tag, double(1), "day\0", double(1), "hr\0", double(1), "min\0", double(1), "sec\0"),
    );
    expect(keyDigest(timespan(-2n * second))).toBe(latin1(tag, double(-2), "sec\0s\0"));
    expect(keyDigest(timespan(-60n * second))).toBe(latin1(tag, double(-1), "min\0"));
  });

  it("of an enum value has the name of its type in front", () => {
    const key = enumValue("Notice::LOG");
    expect(keyDigest(key, "7.1", "Notice::Action")).toBe(ofBytes(9, 0, 0, 0, "Notice::ActionNotice::LOG", 0));
    expect(() => keyDigest(key)).toThrow(expect.objectContaining({ code: "invalid_data" }));
  });

  it("of another generation has other tags, and strings with a header", () => {
    const port = keyOf("port", { num: 80, proto: "tcp" });
    expect(keyDigest(port, "4.1")).toBe(keyDigest(port));
    expect(keyDigest(port, "2.6")).toBe(ofBytes(12, 0, 0, 0, 80, 0, 0, 0, "/tcp", 0));
    expect(keyDigest(string("ab"), "4.1")).toBe(ofBytes(7, 0, 0, 0, 2, 0, 0, 0, "ab"));
    expect(keyDigest(string("ab"), "2.6")).toBe(ofBytes(8, 0, 0, 0, 2, 0, 0, 0, "ab"));
  });

  it.each<Value>([none(), vector([]), { type: "set", elements: [] }, { type: "table", entries: [] }])(
    "is refused for %j",
    (key) => {
      expect(() => keyDigest(key)).toThrow(expect.objectContaining({ code: "invalid_data" }));
    },
  );
});
