/** The text of subnets: an address, `/`, a prefix length (spec/websocket-json.md §8.4). */
import { FabricError } from "../base/errors.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { subnet, type SubnetValue } from "./value.ts";

const LENGTH = /^[0-9]{1,3}$/;

/** A subnet from `10.0.0.0/8` or IPv6; host bits are cleared. Throws `invalid_data`. */
export function parseSubnet(text: string): SubnetValue {
  const slash = text.indexOf("/");
  const length = text.slice(slash + 1);
  if (slash < 0 || !LENGTH.test(length)) {
    throw new FabricError("invalid_data", "subnet: must be an address, a slash and a length", {
      details: { type: "subnet" },
    });
  }
  return subnet(parseAddress(text.slice(0, slash)).bytes, Number(length));
}

/** The canonical text of a subnet. */
export function formatSubnet(value: SubnetValue): string {
  return `${formatAddress(value.network)}/${value.length}`;
}
