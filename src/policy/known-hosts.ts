/** Hosts that have held a connection, shared over the cluster: the log `known_hosts` names each once. */
import { formatAddress } from "../data/address.ts";
import { CONN_SUMMARY, CONN_TYPES, isEstablished } from "./conn.ts";
import { knownScript } from "./known.ts";
import { textOf } from "./text.ts";

export default knownScript({
  stream: "known_hosts",
  found: "Known::host_found",
  add: "Known::hosts_add",
  watch: (zeek, seen) => {
    zeek.on(
      CONN_SUMMARY,
      (originator, _1, responder, _2, state) => {
        if (!isEstablished(textOf(state))) return;
        for (const host of [originator, responder]) seen(formatAddress(host.bytes), host);
      },
      { types: CONN_TYPES },
    );
  },
  record: (host) => ({ host }),
});
