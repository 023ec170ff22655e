const steps = [[100, 0.9], [50, 0.95], [0, 1]];

export default function discount(total) {
  const [, factor] = steps.find(([from]) => total >= from);
  return total * factor ** 1;
}
