import { flag, text } from '../../../../app/config/command-line.mjs';
import type { FeedEvent } from '../../../typescript/src/events/events.ts';
import { command, given } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { type Output, printable } from '../output.ts';

const PAGE = 100;

export const EVENT_COMMANDS = [
  command('events', {
    about: 'Prints what was committed, in order. With --follow it goes on with what is committed from then on.',
    options: {
      follow: flag('wait for more events, until Ctrl-C'),
      account: text('IDS', 'only events of these accounts, separated by commas'),
      type: text('NAMES', 'only events of these types, separated by commas'),
      after: text('CURSOR', 'a cursor, oldest or latest; by default latest with --follow, else oldest'),
    },
    async run({ values, holdfast, output, signal }) {
      const { account, type, after } = values;
      const filters = given({ accounts: account?.split(','), types: type?.split(','), after });
      const { events } = holdfast();
      if (values.follow) {
        const onReconnect = (error: Error | null) =>
          output.note(`Connecting again (${error?.message ?? 'the service ended the stream'}) …`);
        for await (const { event, cursor } of events.follow(filters, { signal, onReconnect }))
          print(event, output, cursor);
        return EXIT.done;
      }
      let from = after;
      for (;;) {
        const page = await events.page({ ...filters, ...given({ after: from }), limit: PAGE }, { signal });
        for (const event of page.items) print(event, output);
        if (page.caughtUp) return EXIT.done;
        from = page.nextCursor;
      }
    },
  }),
];

function print(event: FeedEvent, output: Output, cursor?: string): void {
  const { time, type, subject, data } = event;
  const { amount, currency, sourceAccount, destinationAccount } = data as Readonly<Record<string, string | undefined>>;
  const money = amount === undefined ? '' : `  ${amount} ${currency ?? ''}`;
  const way = sourceAccount === undefined ? '' : `  ${sourceAccount} → ${destinationAccount}`;
  output.result(
    cursor === undefined ? event : { ...event, cursor },
    () => `${printable(`${time}  ${type}  ${subject}${money}${way}`)}\n`,
  );
}
