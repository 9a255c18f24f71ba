/** Native readers that stop under a minute (or LOAD_SECONDS) of full load, through the real runtime. */
import { stoppedSuite } from "../support/stopped-suite.ts";

stoppedSuite(Number(process.env["LOAD_SECONDS"] ?? 60));
