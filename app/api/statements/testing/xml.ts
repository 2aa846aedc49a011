/** An element of a document, with its text or its children. */
export interface XmlElement {
  name: string;
  attributes: Record<string, string>;
  text: string;
  children: XmlElement[];
}

const TOKEN = /<\?xml [^?]*\?>|<(\/?)([A-Za-z]+)((?: [a-z]+="[^"<]*"| [A-Z][a-z]+="[^"<]*")*)>|([^<]+)/y;
const ENTITIES: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"' };
const unescaped = (text: string): string =>
  text.replace(/&[^;]*;?/g, (entity) => {
    const char = ENTITIES[entity];
    if (char === undefined) throw new SyntaxError(`${entity} is not an entity`);
    return char;
  });

/** Parses the part of XML that statements use. @throws SyntaxError unless the document is well-formed */
export function parseXml(document: string): XmlElement {
  const root: XmlElement = { name: '', attributes: {}, text: '', children: [] };
  const open = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < document.length) {
    const at = TOKEN.lastIndex;
    const [token, end, name, attributes = '', text] = TOKEN.exec(document) ?? [];
    if (token === undefined) throw new SyntaxError(`not XML: ${document.slice(at, at + 60)}`);
    const current = open.at(-1) ?? root;
    if (text !== undefined) current.text += unescaped(text);
    else if (end === '/') {
      if (current.name !== name) throw new SyntaxError(`</${name}> ends <${current.name}>`);
      open.pop();
    } else if (name !== undefined) {
      const pairs = [...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        unescaped(value),
      ]);
      const element: XmlElement = { name, attributes: Object.fromEntries(pairs), text: '', children: [] };
      current.children.push(element);
      open.push(element);
    }
  }
  const [document_, ...more] = root.children;
  if (open.length !== 1 || !document_ || more.length > 0) throw new SyntaxError('the document is not complete');
  return document_;
}

/** The text at a path of element names, taking the first element of each name; undefined if there is none. */
export const at = (element: XmlElement, ...path: string[]): string | undefined =>
  path.reduce<XmlElement | undefined>((one, name) => one?.children.find((child) => child.name === name), element)?.text;
export const all = (element: XmlElement, name: string): XmlElement[] =>
  element.children.flatMap((child) => (child.name === name ? [child] : all(child, name)));
