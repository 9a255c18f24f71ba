/** A reader that is cut off for a minute (or AWAY_SECONDS) under load, through the real runtime. */
import { awaySuite } from "../support/away-suite.ts";

awaySuite(Number(process.env["AWAY_SECONDS"] ?? 60) * 1_000);
