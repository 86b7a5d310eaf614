"""More of the table: sentences that were written after the rules, by which it was told how good these are before they were mended."""

from __future__ import annotations

_NOTHING = """
I'd rather not switch to Postgres yet.
We were on MySQL back then.
Nobody uses MySQL here.
It's not like I live in Paris or anything.
My friend Tom thinks I live in Oslo.
Whoever wrote this must live in Mars.
Let's pretend the meeting is on Monday.
The docs say we use MySQL, which is wrong.
Are we sure we moved from Jenkins to GitHub Actions
I live and breathe Python.
We live in strange times.
I'm now at version 3.
I'm with Stupid.
I took the train to work.
I'll take the fall for this one.
Skip the intro, take the second exit.
Forget what I said, use your judgment.
Drop the table, use a view.
In French you say: J'habite à Paris.
Das Wetter ist am Montag schlecht.
Die Idee ist am Montag entstanden.
Ich bin jetzt bei Schritt drei.
Ich arbeite bei jedem Wetter.
Wir nutzen das Wochenende.
Nein, Montag passt mir nicht.
Wohnst du noch in Berlin?
Sie sagte: ich wohne in Köln.
Man sagt, ich lebe in Träumen.
Je suis maintenant chez moi.
J'habite chez ma mère.
On utilise une table.
Tu habites à Lyon.
La vie est belle à Paris.
Le pain est à 10h encore chaud.
Vivo en un piso pequeño.
Tengo que ir a Madrid.
Me gusta cuando llueve.
El que vive en Roma ríe.
La vida es hoy.
Ho due domande.
Mi piace quando piove.
Abito qui.
Lavoro in silenzio.
Tenho duas perguntas.
Moro aqui perto.
O tempo é hoje.
Ik heb twee vragen.
Ik woon hier.
De dag is vandaag.
Mam dwa pytania.
Mieszkam tutaj.
Lubię, kiedy pada.
У меня два вопроса.
Я живу здесь.
Мне 5 минут до дома.
我在北京出差。
我喜欢你的想法。
我们用这个方法。
私は学生です。
会議は長いです。
東京に住んでいますか?
Honestly, we've switched gears a lot lately.
We moved to Slack huddles for a minute and it was awful.
I replaced the battery with a new one.
We swapped notes for an hour.
I dropped everything for you.
We're on Slack if you need us.
I'm on Windows duty this week.
Let's run on Linux for a moment in this thought experiment.
He's now at Siemens, she said.
I'm in Berlin for the weekend.
I'm at Anna's now.
My friend and I live for music.
Skip lunch, take a nap.
Lose the attitude, keep the hat.
No more coffee, use the stairs.
Ich wohne mit drei Leuten zusammen.
Ich lebe gesund.
Ich arbeite viel.
Wir sind auf dem Weg nach Hause umgestiegen.
Ich bin 5 Minuten zu spät.
Wir haben uns für später entschieden.
Mein Kopf tut weh, und der Tag ist lang.
Die Party war gestern super.
Nein, heute ist es zu heiß.
J'habite dans un rêve.
On est passés à table.
J'ai 5 minutes.
Je suis au bureau.
C'est lundi.
Non, demain je ne peux pas.
Vivo con mis padres.
Pasamos a otra cosa.
Tengo 5 minutos.
No, hoy no puedo.
Soy feliz.
Sono stanco.
Ho 5 minuti.
No, oggi non posso.
Sou feliz.
Hoje não posso.
Ik ben moe.
Nee, vandaag niet.
We gebruiken de trein.
Jestem zmęczony.
Nie, dzisiaj nie mogę.
Mam 5 minut.
Я устал.
Нет, сегодня не могу.
Мы перешли на другую сторону.
我今天很累。
不,今天不行。
今日は忙しいです。
いいえ、今日は無理です。
Moved to 11:30.
Rescheduled to 11:30, see you there.
Starts at 9:15 sharp.
Verschoben auf 14:30.
Zug 7:42 ab Hbf
Kickoff 20:45!
Connect to localhost:8080
Server at 10.0.0.1:8080
Fixed in app.ts:17:3
Genesis 1:1
如果我住在北京，就好了。
他说，我住在北京。
我住在北京，你呢？
不，今天不行。
No, si vivo en Sevilla es por ti.
Nein, ich glaube nicht, dass ich in Bonn wohne.
¿No soy vegano?
Je ne suis pas Marie.
"""
_STATED = """
We have migrated our stack from AWS to GCP. | GCP
We're switching from npm to pnpm. | pnpm
Quick update: we've replaced Elasticsearch with Meilisearch. | Meilisearch
I've moved from Chrome to Firefox recently. | Firefox
By the way we're using Terraform now. | Terraform
I just started at Siemens. | Siemens
I've got a new job at Bosch. | Bosch
The review has been moved to Friday. | Friday
My daughter Mia is allergic to nuts. | allergic to nuts
I live in Porto with my wife. | Porto
We dropped Jenkins. | Jenkins
Since I moved to Oslo, I cycle a lot. | Oslo
Ich heiße Lena und wohne in Kiel. | Kiel
Wir verwenden jetzt Kafka. | Kafka
Ich bin nach Wien gezogen, weil ich dort arbeite. | Wien
Das Meeting wurde auf Donnerstag verlegt. | Donnerstag
Weil ich in Bremen wohne, fahre ich Rad. | Bremen
Ich mag Katzen, aber ich hasse Hunde. | Hunde
Meine Schwester heißt Clara. | Clara
Wir haben Redis durch Valkey ersetzt. | Valkey
Ich bin verheiratet und habe drei Kinder. | drei Kinder
Salut, je m'appelle Léa et j'habite à Nantes. | Nantes
Je travaille pour Airbus mais j'habite à Pau. | Pau
Nous utilisons maintenant Kafka. | Kafka
Ma sœur s'appelle Inès. | Inès
L'examen est vendredi à 14h. | vendredi à 14h
J'ai 41 ans et j'ai deux enfants. | 41
Me llamo Ana y vivo en Bilbao. | Bilbao
Trabajo para Inditex, pero vivo en Vigo. | Vigo
Mi hija se llama Sofía. | Sofía
El examen es el viernes a las 9. | el viernes a las 9
Me he mudado a Valencia porque me gusta el mar. | Valencia
Ciao, sono di fretta ma mi chiamo Marco. | Marco
Lavoro per Pirelli e abito a Lecco. | Lecco
L'esame è venerdì alle 9. | venerdì alle 9
Mia figlia si chiama Elena. | Elena
Olá, chamo-me Inês e moro em Faro. | Faro
Trabalho na Galp, mas moro em Sintra. | Sintra
O exame é na sexta-feira. | na sexta-feira
Hoi, ik heet Bram en woon in Breda. | Breda
Ik werk bij Philips. | Philips
Het examen is op vrijdag. | op vrijdag
Cześć, nazywam się Ola i mieszkam w Łodzi. | Łodzi
Pracuję w Allegro. | Allegro
Egzamin jest w piątek. | w piątek
Привет, меня зовут Олег, и я живу в Перми. | Перми
Я работаю в Сбере. | Сбере
Экзамен в пятницу. | в пятницу
У меня есть собака. | собака
我叫王芳,住在杭州。 | 杭州
我们现在用Redis。 | Redis
面试改到周五了。 | 周五
私は京都に住んでいて、ソニーで働いています。 | ソニー
面接は金曜日に変更になりました。 | 金曜日
Dockerを使っています。 | Docker
你好，我叫李雷。 | 李雷
我住在上海，在腾讯工作。 | 腾讯
我叫王芳，住在杭州。 | 杭州
Port 2: 8080 | 8080
Scores: 3:2 | 3:2
"""
_CHANGED = """
I use Safari. / I'm back on Firefox now. | Firefox
We use Slack. / We've ditched Slack for Teams. | Teams
We deploy on Heroku. / We moved off Heroku to Fly last month. | Fly
We use Jest. / We're using Vitest now instead of Jest. | Vitest
We'll use Redis. / Scratch that, let's use Valkey. | Valkey
The launch is on 3 May. / The launch is now on 10 May. | on 10 May
My flight is at 9 am. / Sorry, make it 10 am. | 10 am
I work at Acme. / I'm with Globex now. | Globex
The standup is at 9:30. / Standup moved to 10:00. | 10:00
I live in Rome. / I moved, I live in Milan now. | Milan
Ich wohne in Bonn. / Ich bin umgezogen, ich wohne jetzt in Mainz. | Mainz
Wir nutzen Jenkins. / Wir haben Jenkins durch Buildkite ersetzt. | Buildkite
Das Treffen ist am Freitag. / Das Treffen wurde abgesagt. | abgesagt
Die Besprechung ist um 10 Uhr. / Nein, um 11 Uhr. | um 11 Uhr
J'habite à Metz. / J'ai déménagé à Nancy. | Nancy
La réunion est lundi. / Non, plutôt mercredi. | mercredi
Nous utilisons Slack. / Nous sommes passés de Slack à Teams. | Teams
Vivo en Lugo. / Ahora vivo en Vigo. | Vigo
La reunión es el lunes. / La reunión se ha aplazado al jueves. | al jueves
Usamos Jenkins. / Hemos sustituido Jenkins por CircleCI. | CircleCI
La visita è martedì. / Anzi, è giovedì. | giovedì
Lavoro per Fiat. / Non lavoro più per Fiat. |
Moro em Braga. / Já não moro em Braga. |
A consulta é na quarta. / Aliás, é na quinta. | na quinta
Ik werk bij Philips. / Ik werk niet meer bij Philips. |
Het examen is op maandag. / Het examen is verplaatst naar vrijdag. | vrijdag
Pracuję w Allegro. / Nie pracuję już w Allegro. |
Egzamin jest w piątek. / Egzamin został przełożony na sobotę. | sobotę
Я работаю в Сбере. / Я больше не работаю в Сбере. |
Созвон в 10:00. / Нет, в 11:00. | в 11:00
我住在上海。 / 我搬到杭州了。 | 杭州
面试在周三。 / 面试改到周五了。 | 周五
打ち合わせは10時です。 / すみません、11時です。 | 11時
我住在北京。 / 不，我住在上海。 | 上海
我住在北京。 / 不对，我住在上海。 | 上海
会议在星期二。 / 不，是星期三。 | 星期三
会议在星期二。 / 不对！是星期三。 | 星期三
私は東京に住んでいます。 / いいえ、私は大阪に住んでいます。 | 大阪
会議は月曜日です。 / いいえ。火曜日です。 | 火曜日
Moro em Lisboa. / Não, moro no Porto. | Porto
Moro em Lisboa. / Não. Moro no Porto. | Porto
Vivo en Madrid. / No, vivo en Sevilla. | Sevilla
Vivo en Madrid. / No vivo en Sevilla. | Madrid
Vivo en Madrid. / Perdón: vivo en Sevilla. | Sevilla
Trabajo en Telefónica. / No, trabajo en Movistar. | Movistar
Ich wohne in Berlin. / Quatsch, ich wohne in Potsdam. | Potsdam
I'm allergic to peanuts. / Turns out I'm not allergic to peanuts after all. |
The demo is on Tuesday. / Turns out it's Friday. | Friday
Ich bin allergisch gegen Nüsse. / Ich bin doch nicht allergisch gegen Nüsse. |
Ich bin Vegetarier. / Ich bin kein Vegetarier mehr. |
Je suis végétarien. / Je ne suis plus végétarien. |
Soy alérgico a las nueces. / No soy alérgico a las nueces. |
Sono vegetariano. / Non sono più vegetariano. |
Sou vegetariana. / Já não sou vegetariana. |
Jestem wegetarianinem. / Nie jestem już wegetarianinem. |
Я вегетарианец. / Я больше не вегетарианец. |
Ik ben vegetariër. / Ik ben geen vegetariër meer. |
"""

NOTHING = _NOTHING.strip().splitlines()
STATED = [tuple(line.split(" | ")) for line in _STATED.strip().splitlines()]
"""Sentence, and the object of a fact that it states."""
CHANGED = [
    (turns.strip().split(" / "), [left.strip()] if left.strip() else [])
    for line in _CHANGED.strip().splitlines()
    for turns, left in [line.split("|")]
]
