import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../domain/types.ts';
import { batchOf } from '../flush-batch.ts';
import { account, modelEpoch, order } from '../testing/epoch-under-test.ts';
import { decodeEntry } from './entry-decoder.ts';
import { linesIn } from './line-pages.ts';
import { personalOfTransfer, SaltSource } from './personal.ts';
import { type Sealing, sealingOf } from './sealing.ts';

const ACCOUNTS = [account('world'), account('ada', { overdraftLimit: 100 }), account('bob')];

const CHANGE_ID = '01890000-0000-7000-8000-000000000001';

async function anyBatch() {
  const epoch = await modelEpoch(ACCOUNTS);
  await epoch.apply(order('t1', { amount: 50, reference: 'rent', metadata: { b: 'ü', a: '1' } }));
  await epoch.change(CHANGE_ID, 'ada', { overdraftLimit: 7 });
  await epoch.applyGroup(
    'g1',
    order('m1', { amount: 3 }),
    order('m2', { source: 'ada', destination: 'bob', amount: 5 }),
  );
  await epoch.applyGroup('g2', order('m3', { source: 'bob', destination: 'ada', amount: 9_000 }), order('m4'));
  await epoch.apply(order('t2', { source: 'bob', destination: 'ada', amount: 9_000 }));
  return batchOf(await epoch.entries(), 1, 0);
}

const entriesOf = ({ pages }: Pick<Sealing, 'pages'>) => pages.flatMap(linesIn).map(decodeEntry);

describe('The entries of a transaction', () => {
  it('are in order of seq, with each group before its members', async () => {
    const { outcomes, groups, changes } = await anyBatch();
    // The order of the input is arbitrary, because the result must not depend on it.
    const sealing = sealingOf({ epoch: 1, decided: [...outcomes].reverse(), groups: [...groups].reverse(), changes });
    expect(entriesOf(sealing).map((one) => [one.kind, idOf(one)])).toEqual([
      ['transfer', 't1'],
      ['account-changed', CHANGE_ID],
      ['group', 'g1'],
      ['transfer', 'm1'],
      ['transfer', 'm2'],
      ['group', 'g2'],
      ['transfer', 't2'],
    ]);
  });

  it('are in the order of the decisions if MySQL decided', async () => {
    const { outcomes } = await anyBatch();
    const decided = outcomes.map((one) => ({ ...one, seq: 0 })).reverse();
    expect(entriesOf(sealingOf({ epoch: 1, decided })).map(idOf)).toEqual(
      decided.map((one) => one.order.transactionId),
    );
  });

  it('contain no personal data, only its hash, with a separate random salt for each entry', async () => {
    const { outcomes } = await anyBatch();
    const sealing = sealingOf({ epoch: 1, decided: outcomes });
    const text = sealing.pages.flatMap(linesIn).join('\n');
    for (const secret of ['rent', 'ü', '\\u00fc', 'c-1', outcomes[0]?.order.user ?? ''])
      expect(text).not.toContain(secret);
    const salts = outcomes.map(({ order: { transactionId } }) => sealing.salts.ofTransfer(transactionId));
    expect(new Set(salts).size).toBe(outcomes.length);
    outcomes.forEach((outcome, index) => {
      const entry = entriesOf(sealing)[index];
      const hash = createHash('sha256')
        .update(`${salts[index]}${personalOfTransfer(outcome)}`)
        .digest('base64url');
      expect(entry).toMatchObject({ digest: hash });
      expect(salts[index]).toMatch(/^[0-9a-f]{32}$/);
    });
  });

  it.each<[string, (one: Outcome) => Outcome]>([
    ['user', (one) => ({ ...one, order: { ...one.order, user: 'eve' } })],
    ['correlation id', (one) => ({ ...one, order: { ...one.order, correlationId: 'c-9' } })],
    ['reference', (one) => ({ ...one, order: { ...one.order, reference: 'Rent' } })],
    ['metadata', (one) => ({ ...one, order: { ...one.order, metadata: { b: 'ü' } } })],
    ['time of receipt', (one) => ({ ...one, takenAt: 1 })],
  ])('depend on the %s', async (_, changed) => {
    const [first] = (await anyBatch()).outcomes;
    if (!first) throw new Error('no outcome');
    expect(personalOfTransfer(changed(first))).not.toBe(personalOfTransfer(first));
  });
});

it.each([
  ['ann', 'c-1', 7],
  ['', '', null],
  ['a"b', 'c-1', 7],
  ['a\\', 'c-1', 7],
  ['ann', 'ü\u2028\ud800', 7],
  ['a\nb\u007f', 'c', 7],
])('The personal data of a transfer of %j, %j, %j is JSON', async (user, correlationId, takenAt) => {
  const [first] = (await anyBatch()).outcomes;
  if (!first) throw new Error('no outcome');
  const order = { ...first.order, user, correlationId, reference: null, metadata: null };
  expect(personalOfTransfer({ order, takenAt })).toBe(JSON.stringify([user, correlationId, null, null, takenAt]));
});

it('No salt is drawn twice, however many are drawn', () => {
  const source = new SaltSource(3);
  const drawn = Array.from({ length: 5000 }, () => source.next());
  expect(new Set(drawn).size).toBe(5000);
});

function idOf(entry: ReturnType<typeof decodeEntry>): string {
  if (entry.kind === 'transfer') return entry.order.transactionId;
  if (entry.kind === 'group') return entry.groupId;
  return entry.kind === 'account-changed' ? entry.change.changeId : '';
}
