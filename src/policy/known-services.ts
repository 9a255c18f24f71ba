/** Services that have answered, shared over the cluster: the log `known_services` names each host and port once. */
import { formatAddress } from "../data/address.ts";
import { formatPort } from "../data/port.ts";
import { CONN_SUMMARY, CONN_TYPES, isEstablished } from "./conn.ts";
import { knownScript } from "./known.ts";
import { textOf } from "./text.ts";

export default knownScript({
  stream: "known_services",
  found: "Known::service_found",
  add: "Known::services_add",
  watch: (zeek, seen) => {
    zeek.on(
      CONN_SUMMARY,
      (_1, _2, host, port, state, service) => {
        if (!isEstablished(textOf(state)) || textOf(service) === "") return;
        seen(`${formatAddress(host.bytes)} ${formatPort(port)}`, [host, port, service]);
      },
      { types: CONN_TYPES },
    );
  },
  record: (thing) => {
    const [host, port, service] = thing.type === "vector" ? thing.elements : [];
    const isPort = port?.type === "port";
    return {
      host,
      port_num: isPort ? String(port.number) : undefined,
      port_proto: isPort ? formatPort(port).split("/")[1] : undefined,
      service,
    };
  },
});
