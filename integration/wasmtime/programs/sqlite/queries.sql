-- A small shop: tables, indexes, joins, groups, windows, a recursive query, text search by LIKE, updates and deletions.
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

WITH RECURSIVE
  xaxis(x) AS (VALUES(-2.0) UNION ALL SELECT x + 0.1 FROM xaxis WHERE x < 1.2),
  yaxis(y) AS (VALUES(-1.0) UNION ALL SELECT y + 0.2 FROM yaxis WHERE y < 1.0),
  m(iter, cx, cy, x, y) AS (
    SELECT 0, x, y, 0.0, 0.0 FROM xaxis, yaxis
    UNION ALL
    SELECT iter + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m WHERE (x * x + y * y) < 4.0 AND iter < 28
  ),
  m2(iter, cx, cy) AS (SELECT max(iter), cx, cy FROM m GROUP BY cx, cy),
  a(t) AS (SELECT group_concat(substr(' .+*#', 1 + min(iter / 7, 4), 1), '') FROM (SELECT * FROM m2 ORDER BY cy, cx) GROUP BY cy)
SELECT group_concat(rtrim(t), x'0a') FROM a;

SELECT round(sum(price), 2), min(name), max(length(name)) FROM product;
PRAGMA integrity_check;
