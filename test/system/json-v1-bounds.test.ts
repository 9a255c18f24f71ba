/** The contract of /v1/messages/json at the bounds of its readers and publishers. */
import { BOUNDS_LAYOUT, boundsSuite } from "../contract/json-v1/bounds.ts";
import { useFabric } from "../support/json-v1-fabric.ts";

const fabric = useFabric({ layout: BOUNDS_LAYOUT });

boundsSuite(fabric);
