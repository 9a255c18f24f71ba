import fc from "fast-check";
import { expect, test } from "vitest";
import { formatAddress, parseAddress } from "../../../src/data/address.ts";
import { parseSubnet, formatSubnet } from "../../../src/data/subnet.ts";

const canonical = (text: string) => formatAddress(parseAddress(text).bytes);

test.each([
  ["1.2.3.4", "1.2.3.4"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["::FFFF:102:304", "1.2.3.4"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["::2:0:0:0:0:0:1", "0:2::1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["0001:0:0:0:0:0:0:0000", "1::"],
  ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
  ["::1.2.3.4", "::102:304"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["2001:DB8::", "2001:db8::"],
])("§8.4 the address %s is %s", (text, expected) => expect(canonical(text)).toBe(expected));

test.each([
  "1:2:3:4:5:6:7:1.2.3.4",
  "1.2.3.4::",
  "::1.2.3.4:5",
  "1:2:3:4:5:6:7::8:9",
  ":1::",
  "::1:",
  ":",
  "12345::",
  "1.2.3.4 ",
  "1..2.3",
  "::ffff:1.2.3",
  "::ffff:1.2.3.256",
  "0:0:0:0:0:0:0:0:0",
  `${"0".repeat(46)}`,
])("the address %j is refused", (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: "invalid_data" }));
});

test("IPv6 text is that of the URL standard", () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(groups, (list) => {
      const full = list.map((group) => group.toString(16)).join(":");
      const text = canonical(full);
      // That standard does not print mapped IPv4 addresses dotted.
      if (!text.includes(".")) expect(`[${text}]`).toBe(new URL(`http://[${full}]`).hostname);
      expect(canonical(text)).toBe(text);
    }),
  );
});

test.each([
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["::ffff:10.1.2.3/8", "10.0.0.0/8"],
  ["2001:db8::1/32", "2001:db8::/32"],
  ["1.2.3.4/32", "1.2.3.4/32"],
  ["ffff::/0", "::/0"],
  ["ff00::ffff/127", "ff00::fffe/127"],
])("§8.4 the subnet %s is %s", (text, expected) => expect(formatSubnet(parseSubnet(text))).toBe(expected));
