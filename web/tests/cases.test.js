import assert from "node:assert/strict";
import { test } from "node:test";
import { counts, listed, meanDice, neighbour } from "../view/cases.js";

const make = (name, more = {}) => ({
  name,
  has_mask: true,
  has_label: false,
  problem: "",
  warnings: [],
  dice: {},
  verdict: "",
  note: "",
  ...more,
});

const CASES = [
  make("pat_1", { dice: { liver: 0.9, tumour: null }, verdict: "good" }),
  make("pat_2", { dice: { liver: 0.4, tumour: 0.2 }, warnings: ["odd spacing"] }),
  make("other", { problem: "cannot be read" }),
];

test("a class without Dice does not count in the mean", () => {
  assert.equal(meanDice(CASES[0]), 0.9);
  assert.equal(meanDice(CASES[2]), null);
});

test("cases are chosen by verdict, warnings, problems and words", () => {
  const all = { choice: "all", words: "", order: "name" };
  assert.deepEqual(listed(CASES, all), [0, 1, 2]);
  assert.deepEqual(listed(CASES, { ...all, choice: "open" }), [1, 2]);
  assert.deepEqual(listed(CASES, { ...all, choice: "warnings" }), [1]);
  assert.deepEqual(listed(CASES, { ...all, choice: "problems" }), [2]);
  assert.deepEqual(listed(CASES, { ...all, words: " PAT" }), [0, 1]);
});

test("the lowest Dice comes first, and cases without one last", () => {
  assert.deepEqual(listed(CASES, { choice: "all", words: "", order: "dice" }), [1, 0, 2]);
});

test("the next case is found from one that is listed no more", () => {
  assert.equal(neighbour([0, 1, 2], 0, 1), 1);
  assert.equal(neighbour([0, 2], 1, 1), 2);
  assert.equal(neighbour([0, 2], 1, -1), 0);
  assert.equal(neighbour([0, 2], 2, 1), null);
});

test("verdicts are counted", () => {
  assert.deepEqual(counts(CASES), { good: 1, fix: 0, bad: 0, open: 2 });
});
