/** The scripts that we ship, as one file for a node of any type: each does what belongs to its type. */
import knownHosts from "./known-hosts.ts";
import knownServices from "./known-services.ts";
import { noticeScript } from "./notice.ts";
import { scanScript } from "./scan.ts";

export default [knownHosts, knownServices, scanScript(), noticeScript()];
