-- A small shop: tables, indexes, joins, groups, windows, a recursive query, text search by LIKE, updates and deletions.
PRAGMA temp_store = MEMORY;

CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL);
CREATE TABLE sale (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customer, product INTEGER NOT NULL REFERENCES product, amount INTEGER NOT NULL, day INTEGER NOT NULL);

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO customer SELECT i, printf('customer %05d', (i * 7919) % 2003), substr('BerlinParis Rome  OsloT', 1 + 6 * (i % 3), 6) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO product SELECT i, printf('product %s%03d', char(65 + i % 26), i), round(1.0 + (i * 37 % 1000) / 7.0, 2) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
INSERT INTO sale SELECT i, 1 + (i * 7907) % 2000, 1 + (i * 104729) % 300, 1 + i % 5, (i * 31) % 365 FROM n;
COMMIT;

CREATE INDEX sale_by_customer ON sale(customer);
CREATE INDEX sale_by_product ON sale(product, day);

SELECT 'counts', (SELECT count(*) FROM customer), (SELECT count(*) FROM product), (SELECT count(*) FROM sale);

SELECT city, count(*), round(sum(amount * price), 2) AS revenue
FROM sale JOIN customer ON customer.id = sale.customer JOIN product ON product.id = sale.product
GROUP BY city ORDER BY revenue DESC;

SELECT name, total, rank() OVER (ORDER BY total DESC) AS place
FROM (SELECT product.name AS name, sum(amount) AS total FROM sale JOIN product ON product.id = sale.product GROUP BY product.id)
ORDER BY place, name LIMIT 10;

SELECT day / 30 AS month, round(sum(amount * price), 2),
       round(avg(sum(amount * price)) OVER (ORDER BY day / 30 ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), 2)
FROM sale JOIN product ON product.id = sale.product GROUP BY month ORDER BY month;

SELECT count(*) FROM customer WHERE name LIKE '%99%' AND id IN (SELECT customer FROM sale WHERE day BETWEEN 100 AND 200);

UPDATE product SET price = round(price * 1.19, 2) WHERE id % 3 = 0;
DELETE FROM sale WHERE day > 300 AND amount < 3;
SELECT changes();

-- The numbers below 3000 that take longest to come down to 1.
WITH RECURSIVE
  start(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM start WHERE n < 3000),
  walk(n, at, steps) AS (
    SELECT n, n, 0 FROM start
    UNION ALL
    SELECT n, CASE at % 2 WHEN 0 THEN at / 2 ELSE 3 * at + 1 END, steps + 1 FROM walk WHERE at > 1
  )
SELECT n, max(steps) AS steps, max(at) FROM walk GROUP BY n ORDER BY steps DESC, n LIMIT 5;

SELECT round(sum(price), 2), min(name), max(length(name)) FROM product;
PRAGMA integrity_check;
