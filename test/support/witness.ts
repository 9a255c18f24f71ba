/** A script beside the shipped ones: the proxies log which of them handled what, in the stream `witness`. */
import { formatAddress } from "../../src/data/address.ts";
import { formatPort } from "../../src/data/port.ts";
import { textOf } from "../../src/policy/text.ts";
import { defineScript } from "../../src/script/define.ts";

export default defineScript("witness", (zeek) => {
  if (zeek.localNodeType() !== "PROXY") return;
  const handled = (event: string, ...key: readonly string[]) =>
    zeek.log("witness", {
      id: crypto.randomUUID(),
      node: zeek.node,
      life: zeek.nodeId(),
      event,
      key: key.join(" "),
    });
  for (const event of ["Known::host_found", "Known::service_found"]) {
    zeek.on(event, (key) => void handled(event, textOf(key)));
  }
  zeek.on(
    "Scan::attempt",
    (scanner, victim, port) =>
      void handled(
        "Scan::attempt",
        formatAddress(scanner.bytes),
        formatAddress(victim.bytes),
        formatPort(port),
      ),
    { types: ["address", "address", "port"] },
  );
  zeek.on("Witness::ask", (key) => void zeek.publish("site/witness", "Witness::has", key, zeek.node), {
    types: ["string"],
  });
});
