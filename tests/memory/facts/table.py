"""Sentences that state nothing of their author's own, sentences that state one thing, and talks in which something changes.

Rows of STATED: sentence | subject | verb | object; a leading "-" of the verb: it is denied, "+": it is planned.
Rows of CHANGED: turns, each behind a slash | what still holds, each behind a slash. "A:" in front of a turn: the assistant's.
"""

from __future__ import annotations

_NOTHING = r"""
# small talk and states
Haha, I love how this works out.
I'm so tired of this bug.
I'm at my wits' end.
I'm on it.
I'm now at step 3.
I'm now at the airport.
I'm at a loss here.
I'm with you on that.
We're on the same page.
We moved on from that topic.
We're past that already.
We switched topics too quickly.
We switched places in the queue.
I've had enough of Monday.
I live for this stuff.
I work in silence.
We use that a lot.
I take your point.
I take it from there.
I'm done with the first one, thanks.
I love Paris in the springtime, said no developer ever.
My god is this slow.
My bad, wrong window.
My question is Python related.
Forget it.
Forget the last message.
Never mind the typo.
Take your time.
# what might be, could be, was, or is wished
If we switched to PostgreSQL, would it be faster?
We could switch to PostgreSQL.
We might move from Jenkins to GitHub Actions.
Maybe we should switch from Jenkins to GitHub Actions.
We were going to switch to PostgreSQL but didn't.
We almost switched to Postgres.
We never switched to Postgres.
We haven't switched to Postgres yet.
We didn't move from Jenkins to GitLab CI.
I would work at Siemens if they paid more.
I used to work at Siemens.
I wish I worked at Siemens.
I'd love to live in Lisbon one day.
Imagine I'm now at Siemens.
Say the meeting is on Wednesday instead.
Let's say we switched to MySQL.
Suppose we moved from AWS to Azure.
Unless we switched to Rust, nothing would change.
What if we replaced Redis with Valkey.
I was thinking of replacing Redis with Valkey.
They want us to replace Redis with Valkey.
We'd have to replace Redis with Valkey.
We considered moving from Jenkins to CircleCI.
I thought I lived in Berlin.
I nearly moved to Oslo.
I didn't move to Oslo.
# questions without their mark, orders, requests
Can you replace Redis with Valkey in this file
should we go with Postgres instead
why did we switch to Postgres
how do I move from Jenkins to GitHub Actions
Explain how to migrate from MySQL to PostgreSQL.
Write a guide for moving from Jenkins to GitHub Actions.
Compare PostgreSQL with MySQL.
Show me how to switch to PostgreSQL.
Replace foo with bar in the text.
Replace "colour" with "color" everywhere.
Swap x and y.
# others' words
Bob says we switched to PostgreSQL.
According to the docs, the default is 8080.
The ticket says the meeting is on Wednesday instead.
My colleague claims that we moved from AWS to GCP.
She told me she's now at Siemens.
They told us we use MySQL.
"We switched to PostgreSQL," he wrote.
As Einstein said, I live in dreams.
I read that Netflix moved from Oracle to Cassandra.
In the article, the author writes: we moved from Jenkins to Buildkite.
> We switched to PostgreSQL.
He goes like: I live in Rome.
# code, logs, listings, tool output
```sql\nSELECT 'I live in Rome';\n```
console.log("My name is Bob")
2025-02-03 10:11:12 INFO switched to PostgreSQL
[INFO] We switched to PostgreSQL
$ git switch main
Switched to branch 'main'
Switched to a new branch 'feature/x'
Your branch is up to date with 'origin/main'.
    We use MySQL.
| name | Bob |
Traceback (most recent call last):
  File "a.py", line 3, in <module>
{"name": "Bob", "city": "Rome"}
<b>My name is</b> Bob
# poems, stories, jokes, work given
Write a poem:\nI live in a castle of glass. My name is Wind.
Tell me a joke about a man who says my name is Bond.
Once upon a time, I was called Ella.
In this scene, I live in Gotham.
Pretend I work at NASA.
Translate: I live in Rome.
Roses are red, my love is in Spain.
Proofread: We use MySQL in production.
# German
Wir könnten auf PostgreSQL umsteigen.
Vielleicht steigen wir auf PostgreSQL um.
Falls wir auf PostgreSQL umsteigen, wird es schneller.
Ich glaube, ich wohne hier richtig.
Ich würde gern in Hamburg wohnen.
Früher habe ich in Berlin gewohnt.
Er meint, dass ich in Berlin wohne.
Angenommen, ich wohne in Berlin und arbeite bei Siemens.
Wohne ich in Berlin
Was wäre, wenn ich bei Siemens arbeite.
Ich frage mich, ob ich in Berlin wohne.
Wir nutzen das oft.
Wir nutzen die Zeit.
Ich nutze jede Gelegenheit.
Ich wohne in Berlin, sagte er.
Ich habe keine Katze und keinen Hund, glaube ich.
Nein, das meine ich nicht.
Nein, am besten gar nicht.
Anna sagt, sie wohnt in Köln.
Ich arbeite bei offenem Fenster.
Schreib ein Gedicht: Ich wohne in Wolken.
# French
Si on passe à PostgreSQL, ce sera plus rapide.
On pourrait passer à PostgreSQL.
Peut-être que j'habite trop loin.
Je pense que le rendez-vous est lundi.
J'aimerais habiter à Lyon.
J'habitais à Lyon.
Il paraît que Paul habite à Lyon.
On utilise ça souvent.
On passe à la suite.
On est passés à autre chose.
Je me demande si j'habite à Paris.
Non, pas du tout.
# Spanish
Si vivo en Madrid, pago más.
Podríamos pasar a PostgreSQL.
Quizás vivo en el lugar equivocado.
Creo que vivo en Madrid.
Antes vivía en Madrid.
Me gustaría vivir en Sevilla.
Dice que vive en Madrid.
Usamos eso mucho.
Pasamos al siguiente tema.
No, para nada.
# Italian
Se abito a Roma, pago di più.
Forse abito troppo lontano.
Credo di abitare a Roma.
Vorrei vivere a Milano.
Dice che abita a Roma.
Mi piace l'idea.
Abitavo a Torino.
No, non è così.
Usiamo questo spesso.
# Portuguese
Se moro em Lisboa, pago mais.
Talvez eu more longe demais.
Acho que moro em Lisboa.
Gostaria de morar no Porto.
Ele diz que mora em Lisboa.
Gosto da ideia.
Não, de jeito nenhum.
# Dutch
Als ik in Utrecht woon, betaal ik meer.
Misschien woon ik te ver weg.
Ik denk dat ik in Utrecht woon.
Ik zou graag in Gent wonen.
Hij zegt dat hij in Gent woont.
Ik hou van dat idee.
Nee, helemaal niet.
Ik werk bij regen.
# Polish
Jeśli mieszkam w Warszawie, płacę więcej.
Może mieszkam za daleko.
Myślę, że mieszkam w Krakowie.
Chciałbym mieszkać w Gdańsku.
On mówi, że mieszka w Krakowie.
Nie, wcale nie.
Lubię to.
# Russian
Если я живу в Москве, я плачу больше.
Может быть, я живу в Москве.
Я думаю, что живу в Москве.
Я бы хотел жить в Казани.
Он говорит, что живёт в Москве.
Я раньше жил в Москве.
Нет, совсем не так.
Мне нравится эта идея.
Я работаю в тишине.
# Chinese and Japanese
如果我住在北京,就好了。
我可能搬到上海了。
他说我住在北京。
我以前住在北京。
我喜欢你。
我在想问题。
東京に住みたいです。
もし東京に住んでいたら、楽しいです。
彼は東京に住んでいます。
私は東京に住んでいると思います。
私は元気です。
私はそう思います。
名前は何ですか。
"""

_STATED = """
# English: what changed, said so
We switched to PostgreSQL. | we | switched to | PostgreSQL
We've just switched over to PostgreSQL. | we | switched to | PostgreSQL
We migrated from MySQL to PostgreSQL last week. | we | switched to | PostgreSQL
We moved from Jenkins to GitHub Actions. | we | switched to | GitHub Actions
We've moved off Jenkins and onto GitHub Actions. | we | switched to | GitHub Actions
We're moving from Heroku to Fly.io | we | switched to | Fly.io
We moved to Kubernetes last year. | we | switched to | Kubernetes
We replaced Redis with Valkey. | we | switched to | Valkey
I replaced Chrome with Firefox. | user | switched to | Firefox
I've swapped VS Code for Neovim. | user | switched to | Neovim
We ditched Slack for Teams. | we | switched to | Teams
We're on PostgreSQL now. | we | switched to | PostgreSQL
We now run on Kubernetes. | we | switched to | Kubernetes
I'm on Linux now. | user | switched to | Linux
I'm working at Siemens now. | user | works at | Siemens
I now work at Siemens. | user | works at | Siemens
I started a new job at Siemens. | user | works at | Siemens
I got a new job at Siemens! | user | works at | Siemens
I've joined Siemens as an engineer. | user | joined | Siemens as an engineer
The meeting is on Wednesday instead. | meeting | is | on Wednesday
The meeting is now on Wednesday. | meeting | is | on Wednesday
The meeting will be on Wednesday instead. | meeting | is | on Wednesday
The meeting got pushed to Wednesday. | meeting | is | Wednesday
Meeting moved to Wednesday. | Meeting | is | Wednesday
We live in Bergen now. | we | lives in | Bergen
We moved to a new flat, and I now live in Utrecht. | user | lives in | Utrecht
Because I live in Ghent, I take the train. | user | lives in | Ghent
Since I work at Barco, I get a discount. | user | works at | Barco
I can't come on Friday because my flight is on Friday. | flight | is | on Friday
My wife and I live in Ghent. | user | lives in | Ghent
I don't use Docker any more. | user | -uses | Docker
We stopped using Jenkins. | we | -uses | Jenkins
Priya: I live in Pune. | Priya | lives in | Pune
My manager is Dana. | user's manager | is | Dana
We deploy on Fridays at 15:00. | we | +plans to | deploy on Fridays at 15:00
We never deploy on Fridays. | we | -plans to | deploy on Fridays
We no longer ship on Mondays. | we | -plans to | ship on Mondays
I'm lactose intolerant. | user | is | lactose intolerant
My phone number is +49 151 234567. | user's phone number | is | +49 151 234567
# German
Ich wohne in Berlin und arbeite bei Siemens. | user | lives in | Berlin
Ich wohne in Berlin und arbeite bei Siemens. | user | works at | Siemens
Ich wohne in Berlin, aber ich arbeite bei Bosch. | user | works at | Bosch
Ich bin müde, und der Termin ist am Montag. | Termin | is | am Montag
Ich komme später, weil ich jetzt in Hamburg wohne. | user | lives in | Hamburg
Merk dir bitte, dass ich in Hamburg wohne. | user | lives in | Hamburg
Da ich bei Siemens arbeite, bekomme ich Rabatt. | user | works at | Siemens
Ich wohne in Köln, weil meine Frau dort arbeitet. | user | lives in | Köln
Übrigens, ich wohne jetzt in Köln. | user | lives in | Köln
Wir nutzen PostgreSQL. | we | uses | PostgreSQL
Wir sind auf PostgreSQL umgestiegen. | we | switched to | PostgreSQL
Wir sind von Jenkins auf GitHub Actions umgestiegen. | we | switched to | GitHub Actions
Wir verwenden kein Redis mehr. | we | -uses | Redis
Wir haben uns für Kafka entschieden. | we | uses | Kafka
Ich bin jetzt bei Siemens. | user | works at | Siemens
Mein Bruder heißt Felix und wohnt in Bremen. | user's Bruder | is called | Felix
Mein Bruder Felix wohnt in Bremen. | Felix | lives in | Bremen
Ich bin Vegetarier. | user | is | Vegetarier
Ich bin 34 Jahre alt. | user | is aged | 34
Ich trinke keinen Kaffee. | user | -drinks | Kaffee
Meine Lieblingsfarbe ist Blau. | user's Lieblingsfarbe | is | Blau
Mein Geburtstag ist am 3. Mai. | user's Geburtstag | is | am 3. Mai
Ich habe eine Katze und zwei Hunde. | user | has | eine Katze
Anna: Ich wohne in Wien. | Anna | lives in | Wien
# French
J'habite à Lyon et je travaille chez Renault. | user | lives in | Lyon
J'habite à Lyon et je travaille chez Renault. | user | works at | Renault
Je suis en retard parce que j'habite à Lille. | user | lives in | Lille
Je suis fatigué, mais le rendez-vous est lundi. | rendez-vous | is | lundi
N'oublie pas que j'habite à Lyon. | user | lives in | Lyon
On utilise PostgreSQL. | we | uses | PostgreSQL
Nous sommes passés à PostgreSQL. | we | switched to | PostgreSQL
On est passés de Jenkins à GitHub Actions. | we | switched to | GitHub Actions
On n'utilise plus Redis. | we | -uses | Redis
Je suis végétarienne. | user | is | végétarienne
J'ai 34 ans. | user | is aged | 34
Je ne bois pas de café. | user | -drinks | café
Ma couleur préférée est le bleu. | user's couleur préférée | is | le bleu
Mon frère Paul habite à Nantes. | Paul | lives in | Nantes
# Spanish
Vivo en Madrid y trabajo en Telefónica. | user | lives in | Madrid
Vivo en Madrid y trabajo en Telefónica. | user | works at | Telefónica
Llego tarde porque vivo en Getafe. | user | lives in | Getafe
Recuerda que vivo en Madrid. | user | lives in | Madrid
Usamos PostgreSQL. | we | uses | PostgreSQL
Hemos pasado a PostgreSQL. | we | switched to | PostgreSQL
Pasamos de Jenkins a GitHub Actions. | we | switched to | GitHub Actions
Ya no usamos Redis. | we | -uses | Redis
Soy vegetariano. | user | is | vegetariano
Tengo 34 años. | user | is aged | 34
No bebo café. | user | -drinks | café
Mi color favorito es el azul. | user's color favorito | is | el azul
# Italian
Mi chiamo Giulia. | user | is called | Giulia
Abito a Torino. | user | lives in | Torino
Vivo a Roma e lavoro per Fiat. | user | lives in | Roma
Vivo a Roma e lavoro per Fiat. | user | works at | Fiat
Mi sono trasferito a Milano. | user | lives in | Milano
Non abito più a Torino. | user | -lives in | Torino
Il mio cane si chiama Fido. | user's cane | is called | Fido
Mi piace il caffè amaro. | user | likes | il caffè amaro
Ho due figli. | user | has | due figli
La riunione è martedì. | riunione | is | martedì
La riunione è stata spostata a giovedì. | riunione | is | a giovedì
L'appuntamento è stato annullato. | appuntamento | is | annullato
Usiamo PostgreSQL. | we | uses | PostgreSQL
Siamo passati a PostgreSQL. | we | switched to | PostgreSQL
Ho 34 anni. | user | is aged | 34
Arrivo tardi perché abito a Monza. | user | lives in | Monza
# Portuguese
Chamo-me Rui. | user | is called | Rui
O meu nome é Joana. | user | is called | Joana
Eu moro em Lisboa. | user | lives in | Lisboa
Moro no Porto e trabalho na Galp. | user | lives in | Porto
Moro no Porto e trabalho na Galp. | user | works at | Galp
Mudei-me para Braga. | user | lives in | Braga
Já não moro em Lisboa. | user | -lives in | Lisboa
O meu cão chama-se Bobi. | user's cão | is called | Bobi
Gosto de café forte. | user | likes | café forte
Tenho dois filhos. | user | has | dois filhos
A reunião é na terça-feira. | reunião | is | na terça-feira
A reunião foi adiada para quinta-feira. | reunião | is | quinta-feira
A consulta foi cancelada. | consulta | is | cancelada
Usamos o PostgreSQL. | we | uses | PostgreSQL
Tenho 34 anos. | user | is aged | 34
# Dutch
Ik heet Sanne. | user | is called | Sanne
Ik woon in Utrecht. | user | lives in | Utrecht
Ik woon in Gent en werk bij Barco. | user | works at | Barco
Ik ben naar Leiden verhuisd. | user | lives in | Leiden
Ik woon niet meer in Utrecht. | user | -lives in | Utrecht
Mijn hond heet Bas. | user's hond | is called | Bas
Ik hou van zwarte koffie. | user | likes | zwarte koffie
Ik heb twee kinderen. | user | has | twee kinderen
De vergadering is op dinsdag. | vergadering | is | op dinsdag
De vergadering is verplaatst naar donderdag. | vergadering | is | donderdag
De afspraak is geannuleerd. | afspraak | is | geannuleerd
We gebruiken PostgreSQL. | we | uses | PostgreSQL
We zijn overgestapt op PostgreSQL. | we | switched to | PostgreSQL
Ik ben 34 jaar. | user | is aged | 34
Ik ben laat omdat ik in Delft woon. | user | lives in | Delft
# Polish
Nazywam się Anna Kowalska. | user | is called | Anna Kowalska
Mam na imię Piotr. | user | is called | Piotr
Mieszkam w Krakowie. | user | lives in | Krakowie
Mieszkam w Krakowie i pracuję w Comarch. | user | works at | Comarch
Przeprowadziłem się do Gdańska. | user | lives in | Gdańska
Nie mieszkam już w Krakowie. | user | -lives in | Krakowie
Mój pies nazywa się Burek. | user's pies | is called | Burek
Lubię czarną kawę. | user | likes | czarną kawę
Mam dwoje dzieci. | user | has | dwoje dzieci
Spotkanie jest we wtorek. | Spotkanie | is | we wtorek
Spotkanie zostało przełożone na czwartek. | Spotkanie | is | czwartek
Spotkanie jest odwołane. | Spotkanie | is | odwołane
Używamy PostgreSQL. | we | uses | PostgreSQL
Przeszliśmy na PostgreSQL. | we | switched to | PostgreSQL
Mam 34 lata. | user | is aged | 34
# Russian
Меня зовут Анна. | user | is called | Анна
Я живу в Москве. | user | lives in | Москве
Я живу в Казани и работаю в Яндексе. | user | works at | Яндексе
Я переехал в Самару. | user | lives in | Самару
Я больше не живу в Москве. | user | -lives in | Москве
Мою собаку зовут Шарик. | user's собаку | is called | Шарик
Я люблю чёрный кофе. | user | likes | чёрный кофе
У меня двое детей. | user | has | двое детей
Встреча во вторник. | Встреча | is | во вторник
Встречу перенесли на четверг. | Встречу | is | четверг
Встреча отменена. | Встреча | is | отменена
Мы используем PostgreSQL. | we | uses | PostgreSQL
Мы перешли на PostgreSQL. | we | switched to | PostgreSQL
Мне 34 года. | user | is aged | 34
# Chinese and Japanese
我住在上海,在腾讯工作。 | user | lives in | 上海
我在华为工作。 | user | works at | 华为
我喜欢绿茶。 | user | likes | 绿茶
我今年34岁。 | user | is aged | 34
我们用PostgreSQL。 | we | uses | PostgreSQL
我们改用PostgreSQL了。 | we | switched to | PostgreSQL
会议在星期二。 | 会议 | is | 星期二
会议改到星期四了。 | 会议 | is | 星期四
会议取消了。 | 会议 | is | 取消
我女儿叫小雨。 | user's 女儿 | is called | 小雨
私の名前は田中です。 | user | is called | 田中
私は東京に住んでいます。 | user | lives in | 東京
私はソニーで働いています。 | user | works at | ソニー
大阪に引っ越しました。 | user | lives in | 大阪
私はコーヒーが好きです。 | user | likes | コーヒー
会議は火曜日です。 | 会議 | is | 火曜日
会議は木曜日に変更になりました。 | 会議 | is | 木曜日
会議は中止になりました。 | 会議 | is | 中止
PostgreSQLを使っています。 | user | uses | PostgreSQL
犬の名前はポチです。 | user's 犬 | is called | ポチ
"""

_CHANGED = """
We use MySQL. / We switched to PostgreSQL. | PostgreSQL
We use MySQL. / Thanks. / By the way, we've switched to PostgreSQL. | PostgreSQL
We use MySQL. / We use Redis for the cache. / We switched to PostgreSQL. | Redis for the cache / PostgreSQL
We use Jenkins. / We moved from Jenkins to GitHub Actions. | GitHub Actions
We use Jenkins. / We're on GitHub Actions now. | GitHub Actions
We use GitHub. / We use Jenkins. / We're on GitHub Actions now. | GitHub / GitHub Actions
We use Redis. / We replaced Redis with Valkey. | Valkey
I use Chrome. / I replaced Chrome with Firefox. | Firefox
I use Chrome. / I've switched to Firefox. | Firefox
I use vim. / I use zsh. / I switched to Neovim. | zsh / Neovim
We use MySQL. / We stopped using MySQL. |
I work at Bosch. / I'm now at Siemens. | Siemens
I work at Bosch. / I'm at Siemens now. | Siemens
I work at Bosch. / I'm now at the airport. | Bosch
I work at Bosch. / I started a new job at Siemens. | Siemens
The meeting is on Tuesday. / The meeting is on Wednesday instead. | on Wednesday
The meeting is on Tuesday. / It's on Wednesday instead. | Wednesday
The meeting is on Tuesday. / Can we do Wednesday instead? | on Tuesday
The meeting is on Tuesday. / Make that Wednesday. | Wednesday
We'll take the red theme. / Forget the red one, take blue. | blue
Let's go with the red theme. / Forget the red one, take the blue one. | blue
We'll use Kafka. / Scrap Kafka, let's use NATS. | NATS
We'll use Kafka. / Forget Kafka, go with NATS. | NATS
We'll use Kafka. / Forget the typo, go on. | Kafka
I use tabs. / Drop the tabs, use spaces. | spaces
We use MySQL. / A: We switched to PostgreSQL. | MySQL / PostgreSQL
We use Terraform. / We use Kafka. / We switched to PostgreSQL. | Terraform / Kafka / PostgreSQL
We use Foo. / We use Bar. / We switched to Baz. | Foo / Bar / Baz
I live in Berlin. / We moved to Hamburg last month. | Berlin
I live in Berlin. / I've moved, I'm in Hamburg now. | Hamburg
Wir nutzen MySQL. / Wir sind auf PostgreSQL umgestiegen. | PostgreSQL
Wir nutzen Jenkins. / Wir sind von Jenkins auf GitHub Actions umgestiegen. | GitHub Actions
Der Termin ist am Montag. / Nein, doch am Dienstag. | am Dienstag
Der Termin ist am Montag. / Sorry, ich meinte Dienstag. | Dienstag
Der Termin ist am Montag. / Der Termin ist doch am Mittwoch. | am Mittwoch
Der Termin ist am Montag, und ich wohne in Köln. / Nein, am Dienstag. | Köln / am Dienstag
Ich wohne in Berlin. / Ich komme später, weil ich jetzt in Hamburg wohne. | Hamburg
Ich arbeite bei Bosch. / Ich bin jetzt bei Siemens. | Siemens
On utilise MySQL. / On est passés à PostgreSQL. | PostgreSQL
Le rendez-vous est lundi. / Finalement, c'est mardi. | mardi
Usamos MySQL. / Hemos pasado a PostgreSQL. | PostgreSQL
La cita es el lunes. / Perdón, es el martes. | el martes
La riunione è lunedì. / No, è martedì. | martedì
La riunione è lunedì. / La riunione è stata annullata. | annullata
Abito a Torino. / Mi sono trasferito a Milano. | Milano
A reunião é na segunda-feira. / Não, é na terça-feira. | na terça-feira
Moro em Lisboa. / Mudei-me para Braga. | Braga
De vergadering is op maandag. / Nee, op dinsdag. | op dinsdag
Ik woon in Utrecht. / Ik ben naar Leiden verhuisd. | Leiden
Spotkanie jest w poniedziałek. / Nie, we wtorek. | we wtorek
Mieszkam w Krakowie. / Przeprowadziłem się do Gdańska. | Gdańska
Встреча в понедельник. / Нет, во вторник. | во вторник
Я живу в Москве. / Я переехал в Самару. | Самару
Я живу в Москве. / Я больше не живу в Москве. |
我们用MySQL。 / 我们改用PostgreSQL了。 | PostgreSQL
会议在星期二。 / 不,是星期三。 | 星期三
会议在星期二。 / 会议取消了。 | 取消
会議は火曜日です。 / いいえ、水曜日です。 | 水曜日
私は東京に住んでいます。 / 大阪に引っ越しました。 | 大阪
We use MySQL. / Wir sind auf PostgreSQL umgestiegen. | PostgreSQL
"""


def _lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line.strip() and not line.startswith("#")]


NOTHING = [line.replace("\\n", "\n") for line in _lines(_NOTHING)]
STATED = [(row[0], (row[1], row[2].lstrip("-+"), row[3]), row[2][0]) for line in _lines(_STATED) if (row := line.split(" | "))]
CHANGED = [
    (turns.strip().split(" / "), [part.strip() for part in left.split(" / ") if part.strip()])
    for line in _lines(_CHANGED)
    for turns, left in [line.split("|")]
]
