import type { Refusal } from './problem.ts';

/** The refused request: what it was to do, and to which hold. */
interface About {
  what: 'place' | 'change' | 'capture' | 'void' | 'expire';
  holdId: string;
  account: string;
  /** Null if the hold names no destination, or if the destination is not known yet. */
  destination: string | null;
  currency: string;
}

/** The details contain no figures: permission to hold money of an account does not include reading its balance. */
const DETAILS: Readonly<Record<Refusal | 'hold_changed', (about: About) => string>> = {
  currency_mismatch: ({ currency }) => `One of the accounts does not use ${currency}.`,
  insufficient_funds: ({ account }) => `${account} has less available than the requested amount.`,
  account_suspended: ({ account }) => `${account} does not allow debits, so no more of its money can be held.`,
  account_frozen: (about) => `${eitherOf(about)} is frozen.`,
  account_closed: (about) => `${eitherOf(about)} is closed.`,
  balance_out_of_range: () => 'A balance would be taken beyond the exact range.',
  limit_exceeded: (about) => `A limit of ${eitherOf(about)} would be exceeded.`,
  hold_not_allowed: ({ account }) => `${account} is an external account.`,
  hold_not_open: ({ holdId }) => `Hold ${holdId} is no longer open.`,
  hold_expired: ({ what, holdId }) =>
    what === 'place' ? 'The expiry has already passed.' : `Hold ${holdId} has expired, or the new expiry has passed.`,
  hold_exceeded: ({ what, holdId }) =>
    what === 'change'
      ? `The new amount of hold ${holdId} must exceed its captured amount.`
      : `Less than the requested amount is left of hold ${holdId}.`,
  hold_changed: ({ holdId }) => `Hold ${holdId} has a different revision; read it again.`,
};

const eitherOf = ({ account, destination }: About): string =>
  destination === null ? account : `${account} or ${destination}`;

export const holdRefusalDetail = (refusal: Refusal | 'hold_changed', about: About): string => DETAILS[refusal](about);
