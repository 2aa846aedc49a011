/** The ledger identity that scripts get in tests that have no MySQL, or in which the identity does not matter. */
export const ofTestLedger = async (): Promise<string> => 'ledger-of-a-test';
