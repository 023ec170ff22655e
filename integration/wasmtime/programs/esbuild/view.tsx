import type { Basket } from "./basket";

type Props = Record<string, unknown> | null;

function element(tag: string, props: Props, ...children: unknown[]): string {
  const attributes = Object.entries(props ?? {}).map(([key, value]) => ` ${key}="${value}"`);
  return `<${tag}${attributes.join("")}>${children.flat().join("")}</${tag}>`;
}

/** @jsx element */
export function render(basket: Basket, total: number, state: string): string {
  const rows = [...basket].map(([name, amount]) => <li class="row">{name}: {amount}</li>);
  return (
    <section id="basket" data-state={state}>
      <ul>{rows}</ul>
      <p>{total.toFixed(2)}</p>
    </section>
  );
}
