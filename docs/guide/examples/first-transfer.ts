import { Holdfast } from '@holdfast/client';

const holdfast = new Holdfast({ url: process.env['API'] ?? '', apiKey: process.env['KEY'] ?? '' });

const result = await holdfast.transfers.create({
  // Store the id before the first attempt: whoever sends the same id again gets the same outcome.
  transactionId: process.env['ID'] ?? holdfast.newId(),
  sourceAccount: 'demo-alice',
  destinationAccount: 'demo-bob',
  amount: '12.34',
  currency: 'EUR',
  reference: 'TypeScript',
});
switch (result.outcome) {
  case 'posted':
    console.log('posted', result.transfer.transactionId, result.transfer.replayed ? 'replayed' : 'new');
    break;
  case 'rejected':
    console.log('refused', result.code, result.detail);
    break;
  default:
    console.log(result.outcome, 'send it again later with the id', result.request.transactionId);
}
