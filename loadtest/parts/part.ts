import type { StackFile } from '../../verification/harness/stack.ts';
import type { Second } from '../watch.ts';

/** The stack on which a part runs, and the durations. */
export interface Bench {
  stack: StackFile;
  accounts: number;
  seconds: number;
  /** Length of a turn in parts that compare two or more contenders in alternating turns. */
  turnSeconds: number;
}

export interface Found {
  /** The figures by name, with the unit in the name; `/s` is the rate by which two builds are compared. */
  figures: Record<string, number>;
  seconds?: Second[];
}

export interface Part {
  name: string;
  /** A one-line description. */
  title: string;
  run(bench: Bench): Promise<Found>;
}

export const CONNECTIONS = 64;

/** The URL of the first API pod. */
export function apiOf({ api }: StackFile): string {
  const [url] = api;
  if (url === undefined) throw new Error('the stack has no API');
  return url;
}
