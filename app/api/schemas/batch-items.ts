import { z } from 'zod';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { LIST_MAX } from '../http/json-body.ts';
import { type ProblemDocument, problemDocument } from '../http/problem-document.ts';
import { ProblemSchema } from '../http/problem-schema.ts';

/** A batch is a list under one name; the outcome of each item stands at its place in the answer. */

/**
 * The two faces of a batch. `documented` says all about its items. `envelope` is the same without a look into them, so
 * that an item that is not valid gets its own 400 and the others go on.
 */
export function batchOf<Field extends string, Item extends z.ZodType>(field: Field, item: Item, id: string) {
  return {
    item,
    documented: z.strictObject(listUnder(field, item)).meta({ id }),
    envelope: z.strictObject(listUnder(field, z.unknown())),
  };
}

function listUnder<Field extends string, Item extends z.ZodType>(field: Field, item: Item) {
  return { [field]: z.array(item).min(1).max(LIST_MAX) } as Record<Field, z.ZodArray<Item>>;
}

/** What a batch answers: for each item the numeric HTTP status that it had alone, and that answer or that problem. */
export function batchAnswerOf(answer: z.ZodObject, id: string) {
  const success = answer.extend({ status: z.union([z.literal(200), z.literal(201)]) });
  return z.object({ results: z.array(z.union([success, ProblemSchema])) }).meta({ id });
}

type ItemAnswer = { status: number } & Record<string, unknown>;

/** One outcome of a batch. A textual `status` in the single answer gives way to the numeric one: 200 and 201 say it. */
export function batchItem(
  outcome: { status: number; body: object } | Problem,
  call: { path: string; correlationId: string },
): ItemAnswer | ProblemDocument {
  if (outcome instanceof Problem) return problemDocument(outcome, call.path, call.correlationId);
  return { ...outcome.body, status: outcome.status };
}

/** Runs what may be refused; its Problem is the result then. Anything else that is thrown goes on. */
export function attempt<T>(action: () => T): T | Problem {
  try {
    return action();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** Items validated per turn of the event loop: a batch of 1000 would otherwise block all other requests for 20 to 50 ms. */
const ITEMS_PER_TURN = 50;

/** Runs a function that may refuse each item, in order. */
export async function attemptEach<Item, T>(
  items: readonly Item[],
  action: (item: Item, index: number) => T,
  clock: Clock,
): Promise<(T | Problem)[]> {
  const results: (T | Problem)[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) await new Promise<void>((resolve) => clock.endOfTurn(resolve));
    results.push(attempt(() => action(item, index)));
  }
  return results;
}

/**
 * Gives to `work` those of the items that are no Problem, at once and in order, and puts its results in their places.
 * `work` has to answer one result for each.
 */
export async function workOnValid<Item extends object, Result>(
  items: readonly (Item | Problem)[],
  work: (valid: readonly Item[]) => Promise<readonly (Result | Problem)[]>,
): Promise<(Result | Problem)[]> {
  const valid = items.filter((item) => !(item instanceof Problem));
  const results = valid.length === 0 ? [] : await work(valid as Item[]);
  if (results.length !== valid.length) throw new Error(`${valid.length} items, but ${results.length} results`);
  let next = 0;
  return items.map((item) => (item instanceof Problem ? item : (results[next++] as Result | Problem)));
}
