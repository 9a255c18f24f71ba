/** The contract of /v1/messages/json over a layout with several routers. */
import { deliverySuite } from "../contract/json-v1/delivery.ts";
import { ROUTERS_LAYOUT, routersSuite } from "../contract/json-v1/routers.ts";
import { topicsSuite } from "../contract/json-v1/topics.ts";
import { transcriptsSuite } from "../contract/json-v1/transcripts.ts";
import { useFabric } from "../support/json-v1-fabric.ts";

const fabric = useFabric({ layout: ROUTERS_LAYOUT });

for (const suite of [routersSuite, topicsSuite, deliverySuite, transcriptsSuite]) suite(fabric);
