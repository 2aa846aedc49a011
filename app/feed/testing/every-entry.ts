import type { SealedEntry } from '../../journal/sealed/sealed-entry.ts';
import { sealedTransfer } from './memory-log.ts';

const AT = Date.UTC(2026, 0, 31, 12);
const NO_LIMITS = {
  transferMax: null,
  dailyDebitMax: null,
  monthlyDebitMax: null,
  dailyCreditMax: null,
  balanceMax: null,
};
const digest = '';
const place = { epoch: 1, seq: 1 };
const refused = { refusal: 'limit_exceeded', limit: { limit: 'transferMax', value: 500, remaining: 500 } } as const;
const side = { balance: 1000, version: 7, settingsVersion: 1 };
const hold = { status: 'OPEN', amount: 300, captured: 0, expiresAt: AT + 60_000, revision: 1 } as const;
const holdCommon = { holdId: 'h', account: 'ada', currency: 'EUR', acceptedAt: AT, ...place };
const holdOrder = { destination: null, amount: 300, expiresAt: null };
const after = { hold, held: 300, heldChange: 300, side };
const leg = { source: 'ada', destination: 'eve', otherShard: 1 };

/** Entries of all kinds that clients see, and of those that they do not see. */
export const EVERY_ENTRY: readonly SealedEntry[] = [
  sealedTransfer({ transactionId: 'plain' }),
  { ...sealedTransfer({ transactionId: 'refused' }), status: 'REJECTED', ...refused },
  {
    ...sealedTransfer({
      transactionId: 'captured',
      kind: 'capture',
      capture: { holdId: 'h', amount: null, destination: null, final: true },
    }),
    hold: { ...after, held: 0, heldChange: -300 },
  },
  sealedTransfer({ transactionId: 'reversed', kind: 'reversal', reverses: 'plain', timestamp: AT - 1000 }),
  sealedTransfer({ transactionId: 'x', destination: '~transit:EUR:1', leg: { name: 'out', ...leg } }),
  sealedTransfer({ transactionId: 'x~0', source: '~transit:EUR:1', destination: 'eve', leg: { name: 'in', ...leg } }),
  sealedTransfer({
    transactionId: 'x~back',
    source: '~transit:EUR:1',
    destination: 'ada',
    leg: { name: 'back', ...leg },
  }),
  sealedTransfer({
    transactionId: 'x~returns',
    source: '~transit:EUR:1',
    destination: '~returns:EUR',
    leg: { name: 'returns', ...leg },
  }),
  sealedTransfer({
    transactionId: 'lost',
    source: '~loss:EUR',
    destination: '~transit:EUR:1',
    leg: { name: 'out', ...leg },
  }),
  { ...sealedTransfer({ transactionId: 'kept~paid:0', source: '~returns:EUR' }), status: 'REJECTED', ...refused },
  sealedTransfer({ transactionId: 'kept~paid:1', source: '~returns:EUR' }),
  {
    kind: 'group',
    groupId: 'g',
    split: null,
    acceptedAt: AT,
    ...place,
    status: 'POSTED',
    transactionIds: ['g.0', 'g.1'],
    accounts: ['ada', 'bob'],
  },
  sealedTransfer({ transactionId: 'g.0', groupId: 'g' }),
  {
    kind: 'group',
    groupId: 'g2',
    split: null,
    acceptedAt: AT,
    ...place,
    status: 'REJECTED',
    orders: [sealedTransfer({ transactionId: 'g2.0' }).order, sealedTransfer({ transactionId: 'g2.1' }).order],
    index: 1,
    ...refused,
    digest,
  },
  { kind: 'hold', digest, event: { ...holdCommon, kind: 'PLACED', order: holdOrder, ...after } },
  { kind: 'hold', digest, event: { ...holdCommon, kind: 'REFUSED', order: holdOrder, refusal: 'insufficient_funds' } },
  { kind: 'hold', digest, event: { ...holdCommon, kind: 'CHANGED', eventId: 'e', ...after } },
  { kind: 'hold', digest, event: { ...holdCommon, kind: 'VOIDED', eventId: 'e', ...after } },
  { kind: 'hold', digest, event: { ...holdCommon, kind: 'EXPIRED', eventId: 'e', ...after } },
  {
    kind: 'account-opened',
    accountId: 'ada',
    currency: 'EUR',
    external: false,
    overdraftLimit: 100,
    limits: { ...NO_LIMITS, transferMax: 500 },
    openedAt: AT,
    digest,
  },
  {
    kind: 'account-opened',
    accountId: '~transit:EUR:1',
    currency: 'EUR',
    external: true,
    overdraftLimit: 0,
    limits: null,
    openedAt: AT,
    digest,
  },
  {
    kind: 'account-changed',
    change: {
      changeId: 'c',
      accountId: 'ada',
      status: 'SUSPENDED',
      overdraftLimit: 250,
      limits: { ...NO_LIMITS, begins: false },
      settingsVersion: 2,
      acceptedAt: AT,
      seq: 1,
    },
    epoch: 1,
    digest,
  },
  { kind: 'authority-moved', epoch: 2, mode: 'DIRECT', format: 2, cacheEpoch: null, digest },
  { kind: 'unknown', type: 'of a later release' },
];
