import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "../../../src/base/fifo.ts";

test("is an array that is pushed to and shifted from", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (pushes) => {
      const [fifo, model] = [new Fifo<number>(), [] as number[]];
      pushes.forEach((isPush, i) => {
        if (!isPush) return expect(fifo.shift()).toBe(model.shift());
        fifo.push(i);
        model.push(i);
      });
      expect([fifo.size, [...fifo]]).toEqual([model.length, model]);
      expect([fifo.at(0), fifo.at(model.length)]).toEqual([model[0], undefined]);
    }),
  );
});
