/** The ledger identity for scripts in tests that have no MySQL or do not depend on it. */
export const ofTestLedger = async (): Promise<string> => 'ledger-of-a-test';
