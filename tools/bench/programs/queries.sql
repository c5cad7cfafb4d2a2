pragma temp_store = memory;
create table event(id integer primary key, who text, what text, amount integer);
with recursive seq(x) as (select 1 union all select x + 1 from seq where x < 200000)
  insert into event(who, what, amount) select 'user' || (x * 7919 % 1009), substr(hex(x * 2654435761), 1, 6), x * 31 % 977 from seq;
create index by_who on event(who, amount);
create index by_what on event(what);
select count(*), sum(amount), count(distinct who), count(distinct what) from event;
select who, count(*), sum(amount), max(what) from event group by who order by 3 desc, 1 limit 5;
select a.who, count(*) from event a join event b on b.who = a.who and b.amount = a.amount where a.id % 10 = 0 group by a.who order by 2 desc, 1 limit 5;
select count(*) from event where what like '%AB%' or who like '%99';
update event set amount = amount + 1 where who in (select who from event where amount > 970);
select sum(amount), min(what), group_concat(distinct amount % 7) from event where id between 1000 and 90000;
delete from event where id % 3 = 0;
select count(*), total(length(who || what)) from event;
