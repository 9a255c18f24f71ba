/** Native readers that stop, through the real runtime; `npm run test:faults` has a minute of it. */
import { stoppedSuite } from "../support/stopped-suite.ts";

stoppedSuite(1);
