/** The contract of /v1/messages/json, kept by the real runtime with the default layout. */
import { containerValuesSuite } from "../contract/json-v1/values-container.ts";
import { deliverySuite } from "../contract/json-v1/delivery.ts";
import { eventsSuite } from "../contract/json-v1/events.ts";
import { framesSuite } from "../contract/json-v1/frames.ts";
import { lifeCycleSuite } from "../contract/json-v1/life-cycle.ts";
import { messagesSuite } from "../contract/json-v1/messages.ts";
import { networkValuesSuite } from "../contract/json-v1/values-network.ts";
import { scalarValuesSuite } from "../contract/json-v1/values-scalar.ts";
import { timeValuesSuite } from "../contract/json-v1/values-time.ts";
import { topicsSuite } from "../contract/json-v1/topics.ts";
import { transcriptsSuite } from "../contract/json-v1/transcripts.ts";
import { upgradeSuite } from "../contract/json-v1/upgrade.ts";
import { useFabric } from "../support/json-v1-fabric.ts";

const fabric = useFabric();

const SUITES = [
  upgradeSuite,
  lifeCycleSuite,
  framesSuite,
  topicsSuite,
  deliverySuite,
  messagesSuite,
  eventsSuite,
  scalarValuesSuite,
  networkValuesSuite,
  timeValuesSuite,
  containerValuesSuite,
  transcriptsSuite,
];

for (const suite of SUITES) suite(fabric);
