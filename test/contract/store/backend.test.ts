import { backendSuite } from "./backend-suite.ts";
import { BACKENDS } from "./backends.ts";

for (const [name, make] of BACKENDS) backendSuite(name, make);
