/**
 * Runs in the load pod. Opens accounts, sends requests at a constant rate (or records those of k6 in the same pod),
 * repeats requests without an outcome, and verifies the books at the end. Everything is recorded in files, which are
 * read by the program that started the pod.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../../verification/harness/client.ts';
import { smallTown } from '../../../verification/load/population.ts';
import { openAccounts, reconcile } from './accounts.ts';
import { Attempts, type Order, wallMs } from './attempts.ts';
import type { Line } from './lines.ts';
import { listenForK6 } from './listen.ts';
import {
  CONTROL_FILE,
  type Control,
  DONE_FILE,
  type Done,
  HELD_MS_MAX,
  LINES_FILE,
  OPENED_FILE,
  RETRY_MS,
} from './settings.ts';

const UNTIL_KNOWN_MS_MAX = 180_000;
const WRITE_MS = 500;
const LATE_MS = 100;

const { URL: url = '', KEY: key = '', PREFIX: prefix = '', GENERATOR: generator = 'recorder' } = process.env;
const population = smallTown(prefix);
const lines: Line[] = [];
const open = new Map<string, Order>();
let late = 0;
let failure: unknown;

const record = (line: Line): void => {
  lines.push(line);
};
const attempts = new Attempts(url, key, population, record);

let control: Control = { rate: 0, stop: false };
function readControl(): void {
  if (existsSync(CONTROL_FILE)) control = JSON.parse(readFileSync(CONTROL_FILE, 'utf8'));
}

function writeLines(): void {
  const text = lines.splice(0).map((line) => JSON.stringify(line));
  if (text.length > 0) appendFileSync(LINES_FILE, `${text.join('\n')}\n`);
}

/** Repeats a transfer under its id until its outcome is known, as every client should. */
async function untilKnown(order: Order): Promise<void> {
  open.set(order.id, order);
  const deadline = performance.now() + UNTIL_KNOWN_MS_MAX;
  while (performance.now() < deadline) {
    await sleep(RETRY_MS * (0.5 + Math.random()));
    if (await attempts.transfer(order, 'kept')) {
      open.delete(order.id);
      return;
    }
  }
}

/** An open loop: requests are sent at their planned times, whether or not earlier ones have been answered. */
async function generate(): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let next = performance.now();
  while (!control.stop) {
    const now = performance.now();
    if (control.rate === 0) {
      await sleep(50);
      next = performance.now();
      continue;
    }
    if (next > now) await sleep(next - now);
    else if (now - next > LATE_MS) late += 1;
    next += 1000 / control.rate;
    const one: Promise<void> = attempts
      .any()
      .then((order) => (order ? untilKnown(order) : undefined))
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
}

/** Ids that are still unknown are looked up once no attempt can be in progress anymore. */
async function lookUpOpen(): Promise<void> {
  if (open.size === 0) return;
  await sleep(HELD_MS_MAX);
  for (const order of open.values()) await attempts.lookUp(order);
}

async function work(): Promise<Done> {
  using client = new Client(() => [url], key, { timeoutMs: 15_000 });
  await openAccounts(client, population, record);
  writeFileSync(OPENED_FILE, '{}');
  const from = wallMs();
  const k6 = generator === 'k6' ? listenForK6(() => control, record) : undefined;
  if (k6) await k6.ended;
  else await generate();
  const to = wallMs();
  if (failure !== undefined) throw failure;
  await lookUpOpen();
  using patient = new Client(() => [url], key, { timeoutMs: 300_000 });
  const { clean, report } = await reconcile(patient);
  return { from, to, late, unknown: open.size, clean, report };
}

const timers = [setInterval(readControl, 100), setInterval(writeLines, WRITE_MS)];
const done = await work().catch((error: unknown): Done => {
  console.error(error);
  return { from: 0, to: 0, late, unknown: open.size, clean: false, report: null, error: String(error) };
});
for (const timer of timers) clearInterval(timer);
writeLines();
writeFileSync(DONE_FILE, JSON.stringify(done));
console.log(JSON.stringify(done));
// The files are read from this container, until the pod is deleted.
process.once('SIGTERM', () => process.exit(0));
setInterval(() => {}, 60_000);
