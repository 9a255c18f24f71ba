/** The layout that this deployment ships. Edit it and deploy; `selvedge serve --layout FILE` takes another one. */
export const layout = {
  routers: [{ name: "main", prefix: "" }],
  loggers: [{ name: "logger-1" }, { name: "logger-2" }],
};
