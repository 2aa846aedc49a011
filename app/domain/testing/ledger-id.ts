/** Which ledger the scripts of a test belong to, where the test has no MySQL or does not care. */
export const ofTestLedger = async (): Promise<string> => 'ledger-of-a-test';
