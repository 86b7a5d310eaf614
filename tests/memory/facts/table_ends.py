"""Talks in which what was said is over, or goes on beside what comes: jobs, homes, versions, orders, codes.

Rows: turns, each behind a slash | what is known to hold, each behind a slash, as verb: object; - for nothing.
"""

from __future__ import annotations

_ENDED = r"""
I prefer dark mode. / I prefer light mode, dark is too hard on my eyes. | prefers: light mode, dark is too hard on my eyes
The demo is on Monday. / The demo is on Friday, which is too late for me. | is: on Friday
The price is 5 euros. / The price is 9 euros, which is too much. | is: 9 euros
The limit is 100 requests. / The limit is 200 requests in total. | is: 200 requests in total
My sister lives in Rome. / My sister lives in Bonn, she also has a dog. | lives in: Bonn
I work at Google. / I work at Bosch, which also makes drills. | works at: Bosch
The standup is on Monday. / The standup is on Wednesday, too. | is: on Monday / is: on Wednesday
The standup is on Monday. / The standup is on Wednesday too. | is: on Monday / is: on Wednesday
The office is in Berlin. / The office is also in Munich. | is: in Berlin / is: also in Munich
I use Notion for notes. / I also use Obsidian for notes. | uses: Notion for notes / uses: Obsidian for notes
J'habite à Paris. / J'habite aussi à Lyon. | lives in: Paris / lives in: Lyon
Vivo a Roma. / Vivo anche a Milano. | lives in: Roma / lives in: Milano
I prefer tabs. / I prefer spaces in YAML. | prefers: tabs / prefers: spaces in YAML
I prefer dark mode. / I prefer light mode for reading. | prefers: dark mode / prefers: light mode for reading
I prefer spaces in YAML. / I prefer tabs in YAML. | prefers: tabs in YAML
I prefer tabs. / I prefer spaces. | prefers: spaces
We use PostgreSQL for the orders. / We use Kafka for the orders. | uses: PostgreSQL for the orders / uses: Kafka for the orders
We use PostgreSQL for the orders. / We use MySQL for the orders. | uses: MySQL for the orders
The price is 10 dollars. / The price is 12 dollars in Europe. | is: 10 dollars / is: 12 dollars in Europe
The price is 10 dollars. / The price is now 12 dollars in Europe. | is: 12 dollars in Europe
The limit is 10 per minute. / The limit is 100 per hour. | is: 10 per minute / is: 100 per hour
The limit is 10 per minute. / The limit is 20 per minute. | is: 20 per minute
Breakfast is at 8. / Breakfast is at 9 on Sundays. | is: at 8 / is: at 9 on Sundays
The meeting is at 9 on Monday. / The meeting is at 10 on Tuesday. | is: at 10 on Tuesday
Anna is vegan. / Anna is Swedish. | is: vegan / is: Swedish
My brother is Tom. / My brother is Max. | is: Tom / is: Max
I own a house. / We sold the house in Italy. | has: a house / sold: the house in Italy
We have a boat. / We sold the boat in March. | sold: the boat
We use PostgreSQL 14. / We upgraded to PostgreSQL 16. | switched to: PostgreSQL 16
We use PostgreSQL 14 in production. / We just upgraded PostgreSQL to 16 last night. | is: 16 last night
We're on Python 3.9. / We finally moved to Python 3.12. | switched to: Python 3.12
We use React 17. / We've migrated to React 19. | switched to: React 19
The Python version is 3.11. / We upgraded to Python 3.13. | switched to: Python 3.13
I use Ubuntu 20.04. / I upgraded to Ubuntu 24.04 yesterday. | switched to: Ubuntu 24.04
We use Postgres 14. / We use Postgres 16 now. | uses: Postgres 16
We use Django 4.2. / We're on Django 5.1 now. | switched to: Django 5.1
Our Kubernetes version is 1.27. / Kubernetes is now on 1.30. | is: on 1.30
I'm using Python 3.10. / I'm using Python 3.12 now. | uses: Python 3.12
We use PostgreSQL 14. / We downgraded to PostgreSQL 13. | switched to: PostgreSQL 13
Please always answer in German. / From now on answer in English. | wants: answer in English
From now on answer in German. / From now on answer in English. | wants: answer in English
From now on, reply in French. / From now on, please answer in English. | wants: answer in English
Always answer in German. / Please answer in English from now on. | wants: answer in English
From now on write to me in German. / Going forward, always write in English. | wants: always write in English
Always use tabs. / From now on use spaces. | wants: use spaces
From now on use metric units. / From now on use imperial units. | wants: use imperial units
Always answer briefly. / From now on, answer in detail. | wants: answer in detail
I work at Google. / Yesterday was my last day at Google. | left: Google
I work at Google. / Friday was my last day at Google. | left: Google
I work at Google. / Today is my last day at Google. | works at: Google
I work at Google. / I've left Google. | left: Google
I work at Google. / I quit my job last week. | quit: my job
I work at Google. / I resigned yesterday. | has: resigned
I work at Google. / I got fired. | was: fired
I work at Google. / I got laid off from Google. | was: laid off from Google
I work at Google. / Google let me go. | was: Google let me go
I work at Google. / I was let go. | was: let go
I work at Google. / I'm no longer at Google. | -
I work at Google. / I'm not with Google anymore. | -
I work at Google. / I'm unemployed now. | is: unemployed
I work at Google. / I'm retired now. | is: retired
I work at Google. / I retired last month. | has: retired
I work at Google. / I just started at Meta. | works at: Meta
I work at Google. / I start at Meta on Monday. | works at: Google
I work at Google. / Next month will be my last day at Google. | works at: Google
Ich arbeite bei Siemens. / Ich habe bei Siemens gekündigt. | -
Ich arbeite bei Siemens. / Ich arbeite nicht mehr bei Siemens. | -
Ich arbeite bei Siemens. / Gestern war mein letzter Tag bei Siemens. | -
Ich arbeite bei Siemens. / Ich wurde gekündigt. | works at: Siemens
Ich arbeite bei Siemens. / Ich arbeite jetzt bei Bosch. | works at: Bosch
Je travaille chez Renault. / J'ai quitté Renault. | -
Je travaille chez Renault. / J'ai démissionné de Renault. | -
Je travaille chez Renault. / Je ne travaille plus chez Renault. | -
Trabajo en Telefónica. / He dejado Telefónica. | -
Trabajo en Telefónica. / Ya no trabajo en Telefónica. | -
Lavoro alla Fiat. / Mi sono licenziato dalla Fiat. | -
Lavoro alla Fiat. / Non lavoro più alla Fiat. | -
Trabalho na Petrobras. / Saí da Petrobras. | -
Trabalho na Petrobras. / Já não trabalho na Petrobras. | -
Ik werk bij Philips. / Ik heb ontslag genomen bij Philips. | -
Ik werk bij Philips. / Ik werk niet meer bij Philips. | -
Pracuję w Allegro. / Odszedłem z Allegro. | -
Pracuję w Allegro. / Już nie pracuję w Allegro. | -
Я работаю в Яндексе. / Я уволился из Яндекса. | -
Я работаю в Яндексе. / Я больше не работаю в Яндексе. | -
我在腾讯工作。 / 我从腾讯辞职了。 | -
我在腾讯工作。 / 我不在腾讯工作了。 | -
私はトヨタで働いています。 / トヨタを辞めました。 | -
I work at Google. / I also work at the university. | works at: Google / works at: the university
I work at Google. / I also work at Cornell on weekends. | works at: Google / works at: Cornell on weekends
I work at Google. / I resigned myself to it. | works at: Google
I work at Google. / I retired to bed early. | works at: Google
I work at Google. / My dad retired last month. | works at: Google
I work at Google. / Meta let me go through the data. | works at: Google
I work at Google. / Slack let me go offline. | works at: Google
I work at Google. / I'm no longer at Heathrow. | works at: Google
I work at Google. / I'm not at Google right now. | works at: Google
I work at Google. / I was between jobs before that. | works at: Google
I work at Google. / I've left Google Drive open. | works at: Google
I work at Google. / Yesterday was my last day at Camp Google. | works at: Google / left: Camp Google
I live in Berlin. / I moved out of Kreuzberg. | lives in: Berlin
I live in Berlin. / I moved away from React. | lives in: Berlin
We use Postgres 14. / We also use Postgres 16. | uses: Postgres 14 / uses: Postgres 16
We use Postgres 14. / We use Postgres 16 in the new cluster. | uses: Postgres 14 / uses: Postgres 16 in the new cluster
We use Python 3.9. / We use Python 3.12 for the tools now. | uses: Python 3.9 / uses: Python 3.12 for the tools
We use Postgres 14. / Postgres 16 is out now. | uses: Postgres 14
We use Postgres 14. / They upgraded to Postgres 16. | uses: Postgres 14
We use Postgres 14. / We want to upgrade to Postgres 16. | uses: Postgres 14
We use Postgres 14. / We upgraded staging to Postgres 16. | uses: Postgres 14 / is: Postgres 16
We use Node 18. / We moved to Room 20. | uses: Node 18
Answer in German from now on. / Always write comments in English. | wants: Answer in German / wants: Always write comments in English
Always use tabs. / Use spaces in this file. | wants: Always use tabs
Always use tabs. / Always use spaces in Python. | wants: Always use tabs / wants: Always use spaces in Python
Always add tests. / Always remove debug prints. | wants: Always add tests / wants: Always remove debug prints
From now on use British spelling. / From now on answer in French. | wants: use British spelling / wants: answer in French
The limit is 100 requests per minute. / The limit is 10 MB per file. | is: 100 requests per minute / is: 10 MB per file
The timeout is 30 seconds. / The timeout is 1 minute. | is: 1 minute
The budget is 500 euros. / The budget is 3 days. | is: 500 euros / is: 3 days
My name is Anna. / My last name is Schmidt. | is called: Anna / is called: Schmidt
My gym opens at 6 am. / My gym closes at 10 pm. | is: at 6 am / is: at 10 pm
Ich arbeite bei Siemens. / Ich habe Berlin verlassen. | works at: Siemens
Ich arbeite bei Siemens. / Ich habe bei Netflix gekündigt. | works at: Siemens
Yo trabajo en Telefónica. / Me fui de Barcelona. | works at: Telefónica
I work at Initech as a QA lead. / My last day at Initech was last Friday. | left: Initech
I work for Deloitte. / Deloitte laid me off two weeks ago. | was: Deloitte laid me off
I'm working at Shopify. / I've been let go by Shopify. | was: let go by Shopify
I work as a nurse. / I'm out of work now. | is: out of work
I live in Porto. / I moved away from Porto last year. | -
I'm based in Oslo. / I'm no longer based in Oslo. | -
We run on Kubernetes 1.27. / We upgraded Kubernetes to 1.29. | is: 1.29
We use Java 11. / We've now upgraded to Java 21. | switched to: Java 21
I'm using Windows 10. / I just upgraded to Windows 11. | switched to: Windows 11
We're using Rails 6.1 / We upgraded from Rails 6.1 to Rails 7. | uses: Rails 7
We use Redis 6. / We use Redis 7.2 these days. | uses: Redis 7.2
The Go version is 1.20. / We bumped Go to 1.22. | is: 1.22
Our Terraform version is 1.3. / Our Terraform version is now 1.7. | is: 1.7
Always reply in Spanish. / From now on, please reply in English again. | wants: reply in English
Always speak German with me. / From now on speak English with me. | wants: speak English with me
From now on, use dark colors in the charts. / From now on, use light colors in the charts. | wants: use light colors in the charts
Please always write formal emails. / Please always write informal emails. | wants: always write informal emails
My locker code is 4411. / My locker code is now 7788. | is: 7788
The alarm code is 90210. / The alarm code has been changed to 11223. | is: 11223
My wifi password is blue42. / My wifi password is now red17. | is: red17
My salary is 4000 euros. / My salary is 4500 euros now. | is: 4500 euros
My shoe size is 43. / My shoe size is 44. | is: 44
My train leaves at 8:00. / My train leaves at 8:30 now. | is: at 8:30
Our office is in Berlin. / Our office is now in Hamburg. | is: in Hamburg
My desk is in room 3. / My desk is in room 5 now. | is: in room 5
My therapist is Dr. Lee. / My new therapist is Dr. Kim. | is: Dr. Kim
My landlord is Bob. / Bob is no longer my landlord. | -
Our team lead is Sara. / Omar took over from Sara as our team lead. | is: Omar
Ich arbeite bei Bosch. / Mir wurde bei Bosch gekündigt. | -
Ich arbeite bei der Deutschen Bahn. / Ich bin nicht mehr bei der Deutschen Bahn. | -
Wir nutzen PostgreSQL 14. / Wir nutzen jetzt PostgreSQL 16. | uses: PostgreSQL 16
Wir nutzen PostgreSQL 14. / Wir haben auf PostgreSQL 16 aktualisiert. | switched to: PostgreSQL 16
Nous utilisons Python 3.9. / Nous utilisons maintenant Python 3.12. | uses: Python 3.12
The workshop starts at 9:00. / The workshop ends at 17:00. | is: at 9:00 / is: at 17:00
The shop opens at 9 am. / The shop closes at 6 pm. | is: at 9 am / is: at 6 pm
My first name is Anna. / My last name is Schmidt. | is called: Anna / is called: Schmidt
My first name is Anna. / My full name is Anna Schmidt. | is called: Anna Schmidt
We use Python 3.10 in the lambda. / We use Python 3.12 in the API. | uses: Python 3.10 in the lambda / uses: Python 3.12 in the API
We use MySQL 8. / We upgraded to Postgres 16. | switched to: Postgres 16
Always answer in German. / Write code comments in English. | wants: Always answer in German
Answer in German from now on. / Translate the text into English. | wants: Answer in German
Answer in German from now on. / Never answer in French. | wants: Answer in German / wants: Never answer in French
Always use single quotes. / Always use double quotes in JSON. | wants: Always use single quotes / wants: Always use double quotes in JSON
I work at Google. / Yesterday was my last day at the gym. | works at: Google
I work at Google. / Friday was my last day at Meta. | works at: Google / left: Meta
I work at Google. / My sister's last day at Google was Friday. | works at: Google
I work at Google. / I left my keys at Google. | works at: Google
I work at Google. / I'm not at Google today. | works at: Google
I work at Google. / Google fired my friend. | works at: Google
I work at Google. / Bob was let go. | works at: Google
I live in Berlin. / I moved out of the flat. | lives in: Berlin
My PIN is 4411. / My PIN is now 5522. | is: 5522
My seat is 14C. / My seat is now 15A. | is: 15A
My title is Senior Engineer. / My title is now Staff Engineer. | is: Staff Engineer
My sister is Anna. / My sister is Ben's teacher. | is: Anna
I'm a nurse. / I'm vegetarian. | is: a nurse / is: vegetarian
Anna is vegetarian. / Anna is married. | is: vegetarian / is: married
The API runs on port 8080. / The API runs on AWS. | runs on: 8080 / runs on: AWS
The deadline for the report is Friday. / The deadline for the slides is Monday. | is: Friday / is: Monday
My rent is 900 euros. / My salary is 4000 euros. | is: 900 euros / is: 4000 euros
My address is 12 Oak Street. / My work address is 5 Elm Street. | is: 12 Oak Street / is: 5 Elm Street
My dog is called Rex. / My dog is called Bella. | is called: Rex / is called: Bella
Our meeting is on Monday. / Our meeting is at 10:00. | is: on Monday / is: at 10:00
My flight is on Friday. / My flight is at 7:10. | is: on Friday / is: at 7:10
My appointment is at 9:00. / My appointment takes 30 minutes. | is: at 9:00
The launch is on May 5. / The launch is at 9:00. | is: on May 5 / is: at 9:00
Our limit is 100 requests. / Our limit is 5 MB. | is: 100 requests / is: 5 MB
My budget is 500 euros. / My budget is tight. | is: 500 euros
Our office is in Berlin. / Our office is on the third floor. | is: in Berlin
My train leaves at 8:00. / My train arrives at 9:30. | is: at 8:00
I live in Berlin. / I moved out of Berlin last month. | -
I live in Berlin. / I've just moved to Hamburg. | lives in: Hamburg
I live in Berlin. / I now live in Hamburg. | lives in: Hamburg
I live in Berlin. / I don't live in Berlin anymore. | -
I live in Berlin. / I'm no longer living in Berlin. | -
I'm based in Berlin. / I relocated to Lisbon. | lives in: Lisbon
My address is 12 Oak Street. / My new address is 5 Elm Street. | is: 5 Elm Street
Ich wohne in Berlin. / Ich bin nach Hamburg gezogen. | lives in: Hamburg
J'habite à Paris. / J'ai déménagé à Lyon. | lives in: Lyon
J'habite à Paris. / Je n'habite plus à Paris. | -
Vivo en Madrid. / Me mudé a Sevilla. | lives in: Sevilla
Vivo en Madrid. / Ahora vivo en Sevilla. | lives in: Sevilla
Abito a Roma. / Mi sono trasferito a Milano. | lives in: Milano
Moro em Lisboa. / Mudei-me para o Porto. | lives in: Porto
Moro em Lisboa. / Agora moro no Porto. | lives in: Porto
Ik woon in Utrecht. / Ik ben verhuisd naar Amsterdam. | lives in: Amsterdam
Mieszkam w Krakowie. / Przeprowadziłem się do Warszawy. | lives in: Warszawy
Я живу в Москве. / Я переехал в Казань. | lives in: Казань
我住在北京。 / 我搬到上海了。 | lives in: 上海
私は東京に住んでいます。 / 大阪に引っ越しました。 | lives in: 大阪
My manager is Anna. / My new manager is Ben. | is: Ben
My manager is Anna. / Ben took over from Anna as my manager. | is: Ben
I'm married to Tom. / Tom and I got divorced. | is: divorced
I'm engaged to Tom. / Tom and I got married. | is: married
I'm single. / I'm engaged to Kim. | is: engaged to Kim
I'm 29. / I turned 30 yesterday. | is aged: 30
The standup is at 9:30. / The standup is now at 10:00. | is: at 10:00
The standup is at 9:30. / Standup starts at 10:00 from now on. | is: at 10:00
Our weekly sync is on Tuesday. / We moved our weekly sync to Thursday. | is: Thursday
My appointment is on Friday at 3pm. / My appointment was moved to Monday at 4pm. | is: Monday at 4pm
The deadline is March 3. / The deadline got extended to March 10. | is: March 10
The deadline is March 3. / The deadline slipped by a week to March 10. | is: March 10
The launch is on May 5. / The launch has been pushed back to May 12. | is: May 12
My dentist appointment is on Friday. / My dentist called off the appointment. | is: called off
The meeting is on Monday. / The meeting won't happen. | is: won't happen
My flight is at 7:10. / My flight leaves at 9:40 now. | is: at 9:40
I love coffee. / I can't stand coffee anymore. | dislikes: coffee
I'm vegetarian. / I'm not vegetarian anymore. | -
My favorite color is blue. / My favourite colour is green now. | is: green
My favorite color is blue. / My favorite color is now green. | is: green
I use vim. / I stopped using vim. | -
I use vim. / I've switched to Emacs. | switched to: Emacs
I prefer dark mode. / I prefer light mode now. | prefers: light mode
I prefer tabs. / I prefer spaces these days. | prefers: spaces
I prefer short answers. / I'd prefer longer answers. | prefers: longer answers
I like jazz. / I don't like jazz anymore. | -
I play the guitar. / I don't play the guitar anymore. | -
I'm allergic to nuts. / Turns out I'm not allergic to nuts. | -
My budget is 500 euros. / My budget is now 800 euros. | is: 800 euros
My name is Anna Schmidt. / I changed my name to Anna Huber. | is called: Anna Huber
My email is a@x.org. / My new email is b@x.org. | is: b@x.org
The server runs on port 8080. / The server now runs on port 9090. | runs on: 9090
The server runs on port 8080. / The server listens on 9090 now. | runs on: 9090
We host on AWS. / We're no longer on AWS. | -
We use Jenkins. / We got rid of Jenkins. | -
Our CTO is Maria. / Maria is no longer our CTO. | -
Our CTO is Maria. / Our new CTO is Paul. | is: Paul
Our CTO is Maria. / Paul replaced Maria as CTO. | is: Paul
The staging URL is https://a.example.com. / The staging URL changed to https://b.example.com. | is: https://b.example.com
The timeout is 30 seconds. / We raised the timeout to 60 seconds. | is: 60 seconds
The timeout is 30 seconds. / The timeout has been raised to 60 seconds. | is: 60 seconds
Wir nutzen PostgreSQL 14. / Wir sind auf PostgreSQL 16 umgestiegen. | switched to: PostgreSQL 16
Usiamo Java 11. / Siamo passati a Java 21. | switched to: Java 21
Usamos o Java 11. / Migramos para o Java 21. | switched to: Java 21
We gebruiken Ubuntu 20.04. / We gebruiken nu Ubuntu 24.04. | uses: Ubuntu 24.04
Używamy Python 3.9. / Przeszliśmy na Python 3.12. | switched to: Python 3.12
Мы используем Python 3.9. / Мы перешли на Python 3.12. | switched to: Python 3.12
我们用PostgreSQL 14。 / 我们现在用PostgreSQL 16。 | uses: PostgreSQL 16
私たちはPython 3.9を使っています。 / Python 3.12に移行しました。 | switched to: Python 3.12
The quota is 100 requests. / The quota is now 5000 tokens. | is: 5000 tokens
The quota is 100 each. / The quota is 5 of them. | is: 5 of them
I have a boat. / In March I sold the boat. | sold: the boat
I have a boat. / Last week we sold the boat. | sold: the boat
I have a boat. / In March I almost sold the boat. | has: a boat
I have a boat. / In 2019 I sold the boat. | has: a boat
I have a boat. / In March, I sold my car. | has: a boat / sold: my car
I work at Acme. / In March I resigned. | has: resigned
I work at Acme. / I resigned in March. | has: resigned
I work at Acme. / I resigned in 2019. | works at: Acme
I work at Acme. / I resigned last year. | works at: Acme
I work at Acme. / Last month I was laid off. | was: laid off
I work at Acme. / Last month I quit smoking. | works at: Acme / quit: smoking
I am married. / In May we got divorced. | is: divorced
We use Jenkins. / In March we moved from Jenkins to GitHub Actions. | switched to: GitHub Actions
We use jest. / In March we switched from jest to vitest. | switched to: vitest
I live in Rome. / In summer I live in Bonn. | lives in: Rome
I live in Berlin. / In March I moved to Hamburg. | lives in: Hamburg
I live in Kreuzberg. / We moved from Kreuzberg to Prenzlauer Berg. | lives in: Prenzlauer Berg
We live in Kreuzberg. / We moved from Kreuzberg to Prenzlauer Berg last year. | lives in: Prenzlauer Berg
I live in Kreuzberg, Berlin. / In March we moved from Kreuzberg to Pankow. | lives in: Pankow
I live in Berlin. / We moved from Kreuzberg to Prenzlauer Berg. | lives in: Berlin
I live in Berlin. / I moved from Kreuzberg to Prenzlauer Berg. | lives in: Berlin / lives in: Prenzlauer Berg
I live in London. / I moved from Camden to Hackney. | lives in: London / lives in: Hackney
I live in Camden. / I moved from Camden to Hackney. | lives in: Hackney
I live in Berlin. / I moved from Berlin to Kreuzberg. | lives in: Kreuzberg
I live in Berlin. / I live in Kleinmachnow. | lives in: Kleinmachnow
"""
NOTHING = r"""
The error code is 500.
The exit code is 1.
The HTTP status code is 404.
The source code is 4000 lines.
My code is 40% slower.
The test code is 100 lines long.
The password is wrong.
My password is too long.
My password is not working.
The country code is 49.
My code is done.
The return code is 0 now.
J'ai quitté Paris.
He dejado Madrid.
タバコを辞めました。
Ich habe meinen Vertrag bei Vodafone gekündigt.
Anna is no longer my manager.
I'm no longer at Heathrow.
I moved out of Kreuzberg.
We moved from Berlin to Hamburg.
Slack let me go offline.
""".strip().splitlines()


def _each(text: str) -> list[str]:
    return [one.strip() for one in text.split(" / ") if one.strip()]


ENDED = [
    (_each(talk), [] if left.strip() == "-" else _each(left))
    for talk, _, left in (row.rpartition("|") for row in _ENDED.strip().splitlines())
]
