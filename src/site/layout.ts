/** The layout that this deployment ships. Edit it and deploy; `selvedge serve --layout FILE` takes another one. */
import { defineLayout } from "../cluster/define-layout.ts";

export const layout = defineLayout({
  routers: [{ name: "main", prefix: "" }],
  nodes: [
    { name: "manager", nodeType: "MANAGER" },
    { name: "logger-1", nodeType: "LOGGER" },
    { name: "logger-2", nodeType: "LOGGER" },
    { name: "proxy-1", nodeType: "PROXY" },
    { name: "proxy-2", nodeType: "PROXY" },
  ],
});
