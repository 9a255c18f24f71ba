/** A reader that is cut off for 3 s under load, through the real runtime; `npm run test:faults` has the full minute. */
import { awaySuite } from "../support/away-suite.ts";

awaySuite(3_000);
