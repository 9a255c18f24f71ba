/** Runs tables of values through the wire: sent as the argument of an event, compared byte for byte at a subscriber. */
import { describe, expect, test } from "vitest";
import { event, eventValue, dataMessage, REFUSED } from "../../support/json-v1-event.ts";
import { expectNothingBefore, freshTopic, useClients, type Fabric } from "../../support/json-v1-suite.ts";

export interface ValueTable {
  /** Title, section first. */
  readonly title: string;
  /** Values as sent and as they arrive; without the second they arrive as sent. */
  readonly accepted: readonly (readonly [sent: string, received?: string])[];
  /** Values that make the whole message undecodable. */
  readonly refused: readonly string[];
}

/** JSON text of a string, in which non-ASCII stays visible. */
export const quoted = (text: string): string => JSON.stringify(text);

const shown = (text: string): string =>
  text.length > 120 ? `${text.slice(0, 100)}… (${text.length} chars)` : text;

export function valueTableSuite(fabric: Fabric, { title, accepted, refused }: ValueTable): void {
  describe(title, () => {
    const clients = useClients(fabric);
    const section = title.split(" ")[0]!;

    const pair = async () => {
      const topic = freshTopic();
      return { topic, reader: await clients.subscribed(topic), publisher: await clients.subscribed() };
    };

    for (const [sent, received = sent] of accepted) {
      const arrival = received === sent ? "as sent" : `as ${shown(received)}`;
      test(`${section} ${shown(sent)} arrives ${arrival}`, async () => {
        const { topic, reader, publisher } = await pair();
        publisher.send(dataMessage(topic, eventValue("ev", [sent])));
        expect(await reader.next()).toBe(event(topic, "ev", [received]));
      });
    }

    for (const bad of refused) {
      test(`${section} ${shown(bad)} is refused`, async () => {
        const { topic, reader, publisher } = await pair();
        publisher.send(dataMessage(topic, eventValue("ev", [bad])));
        expect(await publisher.next()).toBe(REFUSED.notDecoded);
        await expectNothingBefore(reader, publisher, topic);
      });
    }
  });
}
