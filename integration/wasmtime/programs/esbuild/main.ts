// The page of a small shop: what it needs is spread over the files beside it, for a bundler to bring together.
import { Basket } from "./basket";
import { render } from "./view";
import catalogue from "./catalogue.json";

export enum State {
  Empty,
  Filled,
}

export async function main(order: readonly string[]): Promise<string> {
  const basket = new Basket(catalogue.products);
  for await (const name of queue(order)) {
    basket.add(name);
  }
  const { default: discount } = await import("./discount");
  const state = basket.size ? State.Filled : State.Empty;
  return render(basket, discount(basket.total), State[state] ?? "unknown");
}

async function* queue<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
