/** What holds for a reader that is cut off for a while: R4, R5, R10, R11, for any length of the absence. */
import { describe, expect, test } from "vitest";
import { runAway, type AwayResult } from "./away.ts";
import { byPublisher, firstBreak } from "./numbered-load.ts";
import type { ResumingReader } from "./resuming-reader.ts";

/** The suite; titles name the length. */
export function awaySuite(awayMs: number): void {
  const name = `cut off for ${awayMs / 1_000} s under 5,000 events/s`;

  describe(`${name}, on a kept prefix`, () => {
    test("R5 R11 the reader gets all that was published exactly once, in order, and is told so", async () => {
      expectAll(await runAway({ prefix: "kept/", awayMs, isKilled: false }));
    });

    test("R5 R10 R11 the same over SIGKILL of the server; publishers send again what was not acknowledged", async () => {
      expectAll(await runAway({ prefix: "kept/", awayMs, isKilled: true }));
    });
  });

  describe(`${name}, on a prefix that is not kept`, () => {
    test("R4 the reader is told exactly what it missed", async () => {
      const { reader, witness, published } = await runAway({ prefix: "plain/", awayMs, isKilled: false });
      expect(reader.gaps).toHaveLength(1);
      const [gap] = reader.gaps;
      expect(gap).toMatchObject({ extent: "exact", reason: "away" });
      const { from, to } = gap!;
      // What the witness was sent between the two positions is what the reader lacks, and nothing else.
      const isMissed = (seq: number) => seq > from.seq && seq <= to.seq;
      expect(reader.frames.some(({ seq }) => isMissed(seq))).toBe(false);
      const isOutside = witness.frames.filter(({ seq }) => !isMissed(seq));
      expect(seqs(reader)).toEqual(isOutside.map(({ seq }) => seq));
      expect(reader.received).toBe(isOutside.reduce((sum, { events }) => sum + events.length, 0));
      expect(witness.received).toBe(published.reduce((sum, n) => sum + n, 0));
      expect(witness.gaps).toEqual([]);
      expectSound(reader, witness);
    });

    test("R2 R4 after SIGKILL of the server the reader is told that nobody knows what it missed", async () => {
      const { reader, published } = await runAway({ prefix: "plain/", awayMs, isKilled: true });
      expect(reader.gaps).toHaveLength(1);
      const [gap] = reader.gaps;
      expect(gap).toMatchObject({ extent: "unknown", reason: "restarted" });
      expect(gap!.events).toBeUndefined();
      expect(gap!.to.incarnation).toBeGreaterThan(gap!.from.incarnation);
      for (const [publisher, numbers] of byPublisher(reader.events).entries()) {
        // One run before the gap, from the first event on, and one behind it, up to the last.
        const cut = numbers.findIndex((n, i) => n !== i + 1);
        expect(cut).toBeGreaterThan(0);
        expect(firstBreak(numbers.slice(cut), numbers[cut])).toBeUndefined();
        expect(numbers[cut]).toBeGreaterThan(cut + 1);
        expect(numbers.at(-1)).toBe(published[publisher]);
      }
      expectSound(reader);
    });
  });
}

function expectAll({ reader, witness, published }: AwayResult): void {
  for (const [publisher, numbers] of byPublisher(reader.events).entries()) {
    expect(firstBreak(numbers)).toBeUndefined();
    expect(numbers).toHaveLength(published[publisher]!);
  }
  expect(reader.gaps).toEqual([]);
  expect(reader.recovered.map(({ complete }) => complete)).toEqual([true]);
  // One order for all readers of a router (R2).
  expect(places(reader)).toEqual(places(witness));
  expect(reader.repeats).toBe(0);
  expectSound(reader, witness);
}

/** No hole that no gap told of. */
function expectSound(...readers: readonly ResumingReader[]): void {
  for (const { untold } of readers) expect(untold).toEqual([]);
}

const seqs = ({ frames }: ResumingReader): number[] => frames.map(({ seq }) => seq);
const places = ({ frames }: ResumingReader): string[] =>
  frames.map(({ incarnation, seq }) => `${incarnation}/${seq}`);
