import { describe, expect, it } from 'vitest';
import { choice, flag, helpOf, parseCommandLine, some, text, texts, wholeNumber } from './command-line.mjs';

const COMMAND = {
  name: 'npm run bake --',
  about: 'Bakes a cake.',
  options: {
    sweet: flag('with sugar'),
    name: text('NAME', 'name of the cake', 'cake'),
    note: text('TEXT', 'text to write on it'),
    guest: texts('NAME', 'a guest'),
    layers: wholeNumber('number of layers', { min: 1, max: 9, fallback: 2 }),
    minutes: wholeNumber('baking time', { min: 1 }),
    color: choice(['red', 'green'], 'icing color', 'red'),
    fruits: some(['apple', 'pear'], 'toppings'),
  },
  operands: { label: 'OVEN', help: 'Where.', choices: ['small', 'large'], min: 1, max: 1 },
  environment: { HEAT: 'degrees' },
};
const parse = (...args: string[]) => parseCommandLine(COMMAND, args);

describe('A command line', () => {
  it('fills in defaults', () => {
    const { values, operands } = parse('small');
    expect(operands).toEqual(['small']);
    expect(values).toEqual({
      ...{ sweet: false, name: 'cake', note: undefined, guest: [], layers: 2, minutes: undefined, color: 'red' },
      fruits: undefined,
    });
  });

  it('is parsed into typed values, in any order', () => {
    const { values } = parse('--layers=3', 'large', '--guest', 'a', '--guest=b', '--sweet', '--fruits', 'pear,apple');
    expect(values).toMatchObject({ layers: 3, guest: ['a', 'b'], sweet: true, fruits: ['pear', 'apple'] });
  });

  it.each([
    [['small', '--layer=3'], "Unknown option '--layer'."],
    [['small', '-x'], "Unknown option '-x'."],
    [['small', '--layers'], "Option '--layers <value>' argument missing."],
    [['small', '--sweet=yes'], "Option '--sweet' does not take an argument."],
    [['small', '--layers=0'], '--layers must be a whole number from 1 to 9, not "0".'],
    [['small', '--minutes=1e3'], '--minutes must be a whole number of at least 1, not "1e3".'],
    [['small', '--color=blue'], '--color must be one of red, green, not "blue".'],
    [['small', '--fruits=pear,nut'], '--fruits: "nut" is not one of apple, pear.'],
    [['tiny'], '"tiny" is not one of small, large.'],
    [[], 'OVEN is missing: small, large.'],
    [['small', 'large'], 'Unexpected argument "large".'],
  ])('rejects %j with a one-sentence message', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });

  it('of a command without operands must not contain any', () => {
    const { operands: _, ...without } = COMMAND;
    expect(() => parseCommandLine(without, ['small'])).toThrow("Unexpected argument 'small'.");
  });

  it('has a help text', () => {
    expect(helpOf(COMMAND)).toBe(
      `Usage: npm run bake -- [options] OVEN

Bakes a cake.

OVEN
  Where.
  One of: small, large.

Options
  --sweet            with sugar
  --name NAME        name of the cake (cake)
  --note TEXT        text to write on it
  --guest NAME       a guest; repeatable
  --layers N         number of layers (2)
  --minutes N        baking time
  --color red|green  icing color (red)
  --fruits NAMES     toppings, separated by commas: apple, pear
  --help             show this help

Environment
  HEAT  degrees
`,
    );
  });
});
