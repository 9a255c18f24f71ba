/** address, subnet, port (spec: Zeek's WebSocket API, §8.4, §8.7, §11). */
import { value } from "../../support/json-v1-event.ts";
import type { Fabric } from "../../support/json-v1-suite.ts";
import { quoted, valueTableSuite, type ValueTable } from "./values.ts";

const table = (
  title: string,
  type: string,
  accepted: readonly (readonly [string, string?])[],
  refused: readonly string[],
): ValueTable => ({
  title,
  accepted: accepted.map(([sent, received = sent]) => [
    value(type, quoted(sent)),
    value(type, quoted(received)),
  ]),
  refused: [
    ...refused.map((text) => value(type, quoted(text))),
    ...["80", "null", "true", "{}", "[]"].map((data) => value(type, data)),
    `{"@data-type":"${type}"}`,
  ],
});

const ADDRESSES = table(
  "§8.4 address",
  "address",
  [
    ["192.168.0.1"],
    ["0.0.0.0"],
    ["255.255.255.255"],
    ["::ffff:192.168.0.1", "192.168.0.1"],
    ["::ffff:c0a8:1", "192.168.0.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["::"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::1"],
    ["1::", "1::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
    ["1:0:2:3:4:5:6:7"],
    ["1::2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["::1.2.3.4", "::102:304"],
    ["fe80::abcd:ef01:2345:6789"],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ],
  [
    "",
    "123ns",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4/32",
    "localhost",
    "-1.2.3.4",
    "2001:db8:::1",
    "2001:db8::g",
    "fe80::1%eth0",
    "[::1]",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    ":1",
    "1:",
    "12345::",
    "::1.2.3",
    "::1.2.3.400",
    "1.2.3.4::",
    ":",
    ":::",
  ],
);

const SUBNETS = table(
  "§8.4 subnet",
  "subnet",
  [
    ["255.255.255.0/24"],
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["10.1.2.3/32"],
    ["10.1.2.3/31", "10.1.2.2/31"],
    ["2001:db8::1/32", "2001:db8::/32"],
    ["2001:DB8::1/128", "2001:db8::1/128"],
    ["0.0.0.0/0"],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["::/0"],
    ["ffff::1/1", "8000::/1"],
  ],
  [
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "/8",
    "10.0.0.0/33",
    "10.0.0.0/128",
    "2001:db8::/129",
    "2001:db8::/256",
    "10.0.0.0/-1",
    "10.0.0.0/x",
    "10.0.0.0/8.0",
    "10.0.0.0/8 ",
    "10.0.0/8",
    "host/8",
    "10.0.0.0/8/8",
  ],
);

const PORTS = table(
  "§8.7 port",
  "port",
  [
    ["8080/tcp"],
    ["53/udp"],
    ["8/icmp"],
    ["0/?"],
    ["0/tcp"],
    ["65535/udp"],
    ["80", "80/tcp"],
    ["80/foo", "80/?"],
    ["80/unknown", "80/?"],
  ],
  ["", "x/tcp", "tcp", "/tcp", "99999/tcp", "65536/tcp", "65536", "-1/tcp", " 80/tcp", "8x/tcp", "1.5/tcp"],
);

export const NETWORK_TABLES: readonly ValueTable[] = [ADDRESSES, SUBNETS, PORTS];

export function networkValuesSuite(fabric: Fabric): void {
  for (const table of NETWORK_TABLES) valueTableSuite(fabric, table);
}
