import { z } from 'zod';

/** Left open: what operators look at grows with what there is to look at, and programs should not build on it. */
export const OpsStatus = z.looseObject({}).meta({
  id: 'OpsStatus',
  description: 'Mode, epoch, cursor, journal length and age, pods, keepers, frozen accounts and why, breakers.',
});

export const Reconciliation = z.looseObject({}).meta({
  id: 'Reconciliation',
  description: 'What was compared, and what did not agree.',
});
