import { expect, test } from "vitest";
import { optionTexts } from "../../../src/cli/option-texts.ts";

test("every value in order, as typed", () => {
  const argv = [
    "token create",
    "--publish",
    "",
    "--publish=007",
    "--name",
    "7",
    "--publish",
    "a=b",
    "--publisher",
    "no",
  ];
  expect(optionTexts(argv, "publish")).toEqual(["", "007", "a=b"]);
  expect(optionTexts(argv, "name")).toEqual(["7"]);
  expect(optionTexts(argv, "logs")).toEqual([]);
});

test("an option at the end without a value has none", () => {
  expect(optionTexts(["--name"], "name")).toEqual([]);
});
