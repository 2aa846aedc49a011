import type { StackFile } from '../../resilience-tests/harness/stack.ts';
import type { Second } from '../watch.ts';

/** What a part runs against, and how long. */
export interface Bench {
  stack: StackFile;
  accounts: number;
  seconds: number;
  /** How long a turn is where two or more are compared in turns. */
  turnSeconds: number;
}

export interface Found {
  /** By what is measured, with its unit; `/s` is the rate that two builds are compared by. */
  figures: Record<string, number>;
  seconds?: Second[];
}

export interface Part {
  name: string;
  /** For people: what is done, in a line. */
  title: string;
  run(bench: Bench): Promise<Found>;
}

export const CONNECTIONS = 64;

/** The first API pod: with one pod, the API. */
export function apiOf({ api }: StackFile): string {
  const [url] = api;
  if (url === undefined) throw new Error('the stack has no API');
  return url;
}
