/**
 * Measures the CPU time that a keeper needs to seal transfers, and how many bytes they take in the log:
 * `npx tsx loadtest/sealing.ts`. Needs no stores.
 */
import { randomUUID } from 'node:crypto';
import { newUuidV7 } from '../app/domain/ids.ts';
import type { Posted } from '../app/domain/types.ts';
import { contentsOf } from '../app/journal/sealed/sealed-rows.ts';
import { sealingOf } from '../app/journal/sealed/sealing.ts';

/** About as many as a flush contains at full load. */
const TRANSFERS = 750;
const BATCHES = 40;
const REPEATED = 20;
const ACCOUNTS = 10_000;
const FROM = { epoch: 1, firstSeq: 1, lastSeq: TRANSFERS };

const below = (limit: number): number => Math.floor(Math.random() * limit);
const side = () => ({ balance: below(1_000_000_000), version: below(5_000), settingsVersion: 1 });
let seq = 0;

function transfer(): Posted {
  const acceptedAt = Date.now();
  seq += 1;
  const order: Posted['order'] = {
    kind: 'transfer',
    transactionId: newUuidV7(acceptedAt),
    source: `account-${below(ACCOUNTS)}`,
    destination: `account-${below(ACCOUNTS)}`,
    amount: 1 + below(100_000),
    currency: 'EUR',
    timestamp: null,
    reference: null,
    metadata: null,
    reverses: null,
    user: 'loadtest',
    correlationId: randomUUID(),
  };
  const times = { acceptedAt, takenAt: acceptedAt - 1, epoch: 1, seq };
  return { order, ...times, replayed: false, persisted: false, status: 'POSTED', source: side(), destination: side() };
}

/** CPU time per transfer, µs, measured after all batches have been processed once. */
function measured(work: (index: number) => unknown): number {
  for (let index = 0; index < BATCHES; index++) work(index);
  const before = process.cpuUsage();
  for (let round = 0; round < REPEATED; round++) for (let index = 0; index < BATCHES; index++) work(index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (REPEATED * BATCHES * TRANSFERS);
}

const batches = Array.from({ length: BATCHES }, () => Array.from({ length: TRANSFERS }, transfer));
const pagesOf = (index: number) => sealingOf({ epoch: 1, decided: batches[index] ?? [] }).pages;
const pages = batches.map((_, index) => pagesOf(index));
const rows = pages.map((some) => contentsOf(some, FROM));
const perTransfer = (of: (row: { bytes: number; payload: Buffer }) => number): string =>
  (rows.flat().reduce((sum, row) => sum + of(row), 0) / (BATCHES * TRANSFERS)).toFixed(1);

const encoding = measured(pagesOf);
const compressing = measured((index) => contentsOf(pages[index] ?? [], FROM));
console.log(`entries and digests      ${encoding.toFixed(2)} µs per transfer`);
console.log(`compression and hash     ${compressing.toFixed(2)} µs per transfer`);
console.log(`size of the entries      ${perTransfer(({ bytes }) => bytes)} bytes`);
console.log(`size in the table sealed ${perTransfer(({ payload }) => payload.length)} bytes`);
