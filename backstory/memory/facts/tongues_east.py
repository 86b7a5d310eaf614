"""Polish, Russian, Chinese and Japanese. See tongue.py.

Rule: where a language has no articles, only what is plainly an appointment has a time ("встреча", "会议").
"""

from __future__ import annotations

from functools import cache

from backstory.memory.facts.tongue import NAME, VERSION, Tongue, plain, rules, tongue, when
from backstory.memory.forms import Form

PL_DAYS = "poniedziałek|wtorek|środę|środa|czwartek|piątek|sobotę|sobota|niedzielę|niedziela|dziś|dzisiaj|jutro|pojutrze"
PL_MONTHS = "stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia"
RU_DAYS = "понедельник|вторник|среду|среда|четверг|пятницу|пятница|субботу|суббота|воскресенье|сегодня|завтра|послезавтра"
RU_MONTHS = "января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря"
PL_HOUR, RU_HOUR = r"\d{1,2}:\d\d", r"\d{1,2}(?::\d\d| час(?:ов|а)?)"
PL_EVENT = (
    "spotkanie|zebranie|wizyta|egzamin|termin|lot|rozmowa|prezentacja|demo|impreza|wesele|ślub|kolokwium|deadline|koncert"
    "|trening|narada|szkolenie"
)
RU_EVENT = (
    "встреч[ау]|собрание|совещание|экзамен|приём|прием|рейс|звонок|презентаци[яю]|урок|тренировк[ау]|свадьб[ау]|концерт|созвон"
    "|дедлайн|интервью"
    "|собеседование|митинг"
)
OFF = r"odwołan[eya]|отменен[аоы]?|отменён|отменили|取消|中止|キャンセル"
_HAN = r"\u4e00-\u9fff"
_SURNAMES = (
    "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金"
    "陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂盧蔣賈魏葉閻鍾譚鄒陸顧龍錢湯喬賀賴龔"
)
HAN_DAY = r"(?:(?:这|這|下|本|上)?(?:个|個)?(?:星期|周|週|礼拜|禮拜)[一二三四五六日天]|今天|明天|后天|後天|\d{1,2}月\d{1,2}[日号號])"
HAN_HOUR = r"(?:(?:上午|下午|早上|晚上|中午)?\d{1,2}[点點](?:半|\d{1,2}分?)?|\d{1,2}:\d\d)"
JA_DAY = r"(?:(?:来週|今週|次)の?)?[月火水木金土日]曜日?|今日|明日|明後日|\d{1,2}月\d{1,2}日"
JA_HOUR = r"(?:午前|午後)?\d{1,2}時(?:半|\d{1,2}分)?"


@cache
def polish() -> Tongue:
    """Its forms."""
    no = (
        "ja|ty|on|ona|my|wy|oni|to|ten|ta|tę|tego|go|ją|je|cię|was|że|co|kto|gdzie|jeśli|gdy|kiedy|jak|i|lub|ale|nie|jest|są"
        "|ciebie|twój|twoje"
    )
    kin = (
        r"(?:pies|suka|kot|kotka|koń|królik|brat|siostra|mama|matka|tata|ojciec|żona|mąż|syn|córka|przyjaciel|przyjaciółka|szef"
        r"|szefowa|ciocia|wujek|babcia|dziadek)"
    )
    owned = (
        r"(?:dzieci|dziecko|psa|psy|psów|kota|koty|kotów|syna|synów|córkę|córki|brata|braci|siostrę|siostry|samochód|dom"
        r"|mieszkanie|rower|ogród)"
    )
    time = when(PL_DAYS, PL_MONTHS, "w|we|o|na|dnia|najbliższy|najbliższą|przyszły|przyszłą|ten|tę", PL_HOUR)
    event = rf"(?P<s>(?i:{PL_EVENT})(?: (?:z|u|o) {plain(no, 1, 3)})?)"
    now = r"(?: teraz| obecnie| też)?"
    being = r"(?:wegetarianinem|wegetarianką|weganinem|weganką|żonaty|mężatką|rozwiedzion[ya]|w ciąży)"
    made = rules(
        "ja",
        ("identity", "is called", rf"(?i:(?:ja )?nazywam się|(?:ja )?mam na imię) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:mój|moja|nasz|nasza) (?P<s>{kin}) (?:nazywa się|ma na imię|wabi się) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:(?:ja )?mieszkam{now} (?:w|we)) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:przeprowadził[ea]m się(?: \w+)? do) (?P<o>{NAME})"),
        ("plan", "+will live in", rf"(?i:przeprowadzam się do) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:nie mieszkam już (?:w|we)|już nie mieszkam (?:w|we)) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:(?:ja )?pracuję{now} (?:w|we|dla)) (?P<o>{NAME})"),
        ("identity", "-works at", rf"(?i:nie pracuję już (?:w|we|dla)|już nie pracuję (?:w|we|dla)) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:(?:odszedłem|odeszłam|zwolniłem się|zwolniłam się) (?:z|ze)) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:wczoraj był mój ostatni dzień (?:w|we)) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:(?:bardzo )?(?:lubię|uwielbiam)) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-likes", rf"(?i:nie lubię) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "dislikes", rf"(?i:nienawidzę) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-drinks", rf"(?i:nie piję) (?P<o>{plain(no, 1, 2)})"),
        ("identity", "is", rf"(?i:jestem) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:(?:już )?nie jestem(?: już)?) (?P<o>{being})"),
        ("identity", "is aged", r"(?i:mam) (?P<o>\d{1,3}) lat[a]?"),
        (
            "possession",
            "has",
            rf"(?i:mam|mamy) (?P<o>(?:(?:jedno|jednego|dwoje|troje|czworo|dwa|dwie|dwóch|trzy|trzech|cztery"
            rf"|\d+) )?{owned}(?: imieniem {NAME})?)",
        ),
        ("decision", "~uses", rf"(?i:używamy{now}|korzystamy{now} z) (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:używam{now}|korzystam{now} z) (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:nie używamy już|już nie używamy) (?P<o>{NAME})"),
        (
            "decision",
            "~switched to",
            rf"(?i:przeszliśmy|przesiedliśmy się|zmigrowaliśmy|przenieśliśmy się)(?: z (?P<x>{NAME}))? (?:na|do) (?P<o>{NAME})",
        ),
        ("schedule", "is", rf"{event} (?:jest|będzie|odbędzie się)(?: teraz| jednak)? (?P<o>{time})"),
        ("schedule", "is", rf"{event} (?:jest|został[ao]?) (?P<o>odwołan[eya])"),
        ("schedule", "is", rf"{event} (?:jest|został[ao]?) (?:przełożon|przeniesion|przesunięt)[eya] na (?P<o>{time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) mieszka{now} (?:w|we) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) pracuje{now} (?:w|we) (?P<o>{NAME})"),
    )
    return tongue(
        made,
        hedge=r"jeśli|jeżeli|gdyby\w*|czy|może|chyba|prawdopodobnie|myślę|sądzę|uważam|przypuszczam|mówi|mówią|powiedział\w*"
        r"|podobno|według|chciał\w*"
        r"|mógłbym|mogłabym|kiedyś|dawniej|prawie|na przykład|wyobraź|marzę|że|by",
        cut=r",? (?:i|a|ale|bo|ponieważ|gdyż|więc|choć|chociaż) |, (?=(?:ja|mój|moja|mieszkam|pracuję|mam) )",
        lead=r"(?:(?:cześć|hej|witam|tak|no|więc|swoją drogą|ok|dzięki|dziękuję|info|i|ale)[,!.:]? )|(?:pamiętaj|zapamiętaj"
        r"|zapisz)[,:] że ",
        under=r"ponieważ|skoro",
        fix=r"(?:o )?(?:nie|przepraszam|sorki|sorry|poprawka|czekaj|jednak|właściwie)",
        it_is=r"(?:(?:to|ono|ona|on) |jest |będzie |jednak |miał[ea]m na myśli )*",
        named=r"(?:on|ona)? ?ma na imię ",
        time=time,
        not_but=rf"(?i:nie )(?P<x>{time}),? (?:tylko|lecz|a) (?P<o>{time})",
    )


@cache
def russian() -> Tongue:
    """Its forms."""
    no = (
        "я|ты|он|она|оно|мы|вы|они|это|эта|этот|эту|эти|тебя|вас|его|её|ее|их|что|кто|где|если|когда|как|и|или|но|не|есть|твой"
        "|твоя|идея|мысль|всё|все"
    )
    kin = (
        r"(?:собак[ау]|пса|кот[а]?|кошк[ау]|коня|кролика|брата|сестру|маму|папу|мать|отца|жену|мужа|сына|дочь|друга|подругу"
        r"|начальника|бабушку|дедушку"
        r"|тётю|дядю)"
    )
    owned = (
        r"(?:детей|ребёнок|ребенок|собак[аи]?|кош(?:ка|ки|ек)|кота?|сын(?:а|ов)?|доч(?:ь|ери|ерей)|брат(?:а|ьев)?|сест(?:ра|ры"
        r"|ёр|ер)|машина|дом|квартира)"
    )
    time = when(RU_DAYS, RU_MONTHS, "в|во|на|ближайший|следующий|следующую|эту|этот", RU_HOUR)
    event = rf"(?P<s>(?i:{RU_EVENT})(?: (?:с|у|по|к) {plain(no, 1, 3)})?)"
    now = r"(?: сейчас| теперь| тоже)?"
    pro = "(?:я )?"
    being = r"(?:вегетарианец|вегетарианка|веган(?:ка)?|диабетик|женат|замужем|разведён|разведена|беременна)"
    made = rules(
        "я",
        ("identity", "is called", rf"(?i:меня зовут|моё имя|мое имя) (?P<o>{NAME})"),
        ("relation", "'is called", rf"(?i:мою|моего|моя|мой|нашу|нашего) (?P<s>{kin}) зовут (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:{pro}(?:(?:сейчас|теперь) )?живу{now} (?:в|во)) (?P<o>{NAME})"),
        ("identity", "lives in", rf"(?i:{pro}(?:\w+ )?переехала? (?:в|во)) (?P<o>{NAME})"),
        ("plan", "+will live in", rf"(?i:{pro}переезжаю (?:в|во)) (?P<o>{NAME})"),
        ("identity", "-lives in", rf"(?i:{pro}(?:больше|уже) не живу (?:в|во)) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?i:{pro}(?:(?:сейчас|теперь) )?работаю{now} (?:в|во|на)) (?P<o>{NAME})"),
        ("identity", "-works at", rf"(?i:{pro}(?:больше|уже) не работаю (?:в|во|на)) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:{pro}(?:уволился|уволилась|уш[её]л|ушла) (?:из|с|со)) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:меня уволили (?:из|с)) (?P<o>{NAME})"),
        ("correction", "-works at", rf"(?i:вчера был мой последний (?:рабочий )?день (?:в|во|на)) (?P<o>{NAME})"),
        ("preference", "likes", rf"(?i:{pro}(?:очень )?(?:люблю|обожаю)|мне (?:очень )?нрав(?:и|я)тся) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-likes", rf"(?i:{pro}не люблю|мне не нрав(?:и|я)тся) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "dislikes", rf"(?i:{pro}ненавижу) (?P<o>{plain(no, 1, 3)})"),
        ("preference", "-drinks", rf"(?i:{pro}не пью) (?P<o>{plain(no, 1, 2)})"),
        ("preference", "-eats", rf"(?i:{pro}не ем) (?P<o>{plain(no, 1, 2)})"),
        ("identity", "is", rf"(?i:я(?: теперь)?) (?P<o>{being})"),
        ("identity", "-is", rf"(?i:я (?:(?:больше|уже) )?не) (?P<o>{being})"),
        ("identity", "is aged", r"(?i:мне(?: уже)?) (?P<o>\d{1,3}) (?:год|года|лет)"),
        (
            "possession",
            "has",
            rf"(?i:у меня|у нас)(?: есть)? (?P<o>(?:(?:один|одна|двое|трое|два|две|три|четыре"
            rf"|\d+) )?{owned}(?: по имени {NAME})?)",
        ),
        ("decision", "~uses", rf"(?i:мы{now} (?:используем|пользуемся)) (?P<o>{NAME})"),
        ("preference", "uses", rf"(?i:я{now} (?:использую|пользуюсь)) (?P<o>{NAME})"),
        ("decision", "~-uses", rf"(?i:мы (?:больше|уже) не (?:используем|пользуемся)) (?P<o>{NAME})"),
        ("decision", "~switched to", rf"(?i:мы (?:\w+ )?(?:перешли|переехали|мигрировали))(?: (?:с|со) (?P<x>{NAME}))? на (?P<o>{NAME})"),
        ("preference", "switched to", rf"(?i:{pro}(?:\w+ )?перешла?)(?: (?:с|со) (?P<x>{NAME}))? на (?P<o>{NAME})"),
        ("schedule", "is", rf"{event}(?: будет| состоится| теперь)? (?P<o>(?:в|во) {time}|{time})"),
        ("schedule", "is", rf"{event} (?P<o>отменен[аоы]?|отменён|отменили)"),
        ("schedule", "is", rf"{event} (?:перенесли|перенесена|перенесено|перенесён|перенесен) на (?P<o>{time})"),
        ("identity", "lives in", rf"(?P<s>{NAME}) живёт{now} (?:в|во) (?P<o>{NAME})"),
        ("identity", "works at", rf"(?P<s>{NAME}) работает{now} (?:в|во|на) (?P<o>{NAME})"),
    )
    return tongue(
        made,
        hedge=r"если|бы|ли|может|может быть|возможно|наверное|наверно|вероятно|кажется|думаю|считаю|полагаю|говор\w+|сказал\w*"
        r"|якобы|хотел\w*|хочу"
        r"|мог|могла|раньше|когда-то|почти|чуть|например|представь\w*|мечта\w*|по словам|будто",
        cut=r",? (?:и|а|но|потому что|так как|поэтому|хотя) |, (?=(?:я|мы|мой|моя|у меня|мне|меня) )",
        lead=r"(?:(?:привет|здравствуйте|да|кстати|ну|ок|спасибо|итак|и|но|инфо)[,!.:]? )|(?:запомни|помни|не забудь|учти)(?:те)?, что ",
        under=r"потому что|так как",
        fix=r"(?:ой )?(?:нет|извини|извините|прости|простите|точнее|поправка|вообще-то|на самом деле)",
        it_is=r"(?:(?:это|он|она|оно) |будет |в смысле |имела? в виду |лучше )*",
        named=r"(?:его|её|ее) зовут ",
        time=time,
        not_but=rf"(?i:не )(?P<x>{time}),? а (?P<o>{time})",
    )


@cache
def chinese() -> Tongue:
    """Its forms. Words are not set apart, so objects are names of places, things of a few signs, or written in Latin letters."""
    place = rf"(?:(?![这那哪你我他她它的里裡边邊旁附家吗嗎呢吧楼樓了一个個不])[{_HAN}]){{2,6}}"
    thing = rf"(?:(?![你我他她它这這那哪的了吗嗎呢吧想说說])[{_HAN}]){{1,5}}"
    tool = r"[A-Za-z][A-Za-z0-9.+#-]*(?: [A-Z][A-Za-z0-9.+#-]*){0,2}" + VERSION
    time = rf"(?:{HAN_DAY})?(?:{HAN_HOUR})|{HAN_DAY}"
    event = (
        r"(?P<s>(?:[\u4e00-\u9fff]{0,4})(?:会议|會議|约会|約會|预约|預約|面试|面試|考试|考試|航班|聚会|聚會|演示|婚礼|婚禮"
        r"|截止日期|例会|例會))"
    )
    kin = r"(?P<s>儿子|兒子|女儿|女兒|狗|猫|貓|哥哥|弟弟|姐姐|妹妹|妈妈|媽媽|爸爸|老婆|老公|妻子|丈夫|老板|老闆)"
    now = r"(?:现在|現在|目前|已经|已經|刚|剛)?"
    made = rules(
        "我",
        ("identity", "is called", rf"(?:我叫|我的名字(?:是|叫))(?P<o>[{_SURNAMES}][{_HAN}]{{1,2}})"),
        ("relation", "'is called", rf"我(?:家|的)?{kin}(?:的名字)?(?:叫|是叫)(?P<o>[{_HAN}]{{1,3}})"),
        ("identity", "lives in", rf"我(?:现在|現在|目前)?(?:住在|住)(?P<o>{place})"),
        ("identity", "lives in", rf"我(?:已经|已經|刚|剛)?搬(?:到|去)(?P<o>{place})(?:来|來|去)?了"),
        ("identity", "-lives in", rf"我(?:已经|已經)?不住在?(?P<o>{place})了"),
        ("identity", "works at", rf"我{now}(?:在|于)(?P<o>{place}|{tool})(?:工作|上班)"),
        ("identity", "-works at", rf"我(?:已经|已經)?不在(?P<o>{place}|{tool})(?:工作|上班)了"),
        ("correction", "-works at", rf"我(?:已经|已經|刚|剛)?(?:从|從)(?P<o>{place}|{tool})(?:辞职|辭職|离职|離職)了?"),
        ("correction", "-works at", rf"我(?:已经|已經|刚|剛)?(?:离开|離開)了?(?P<o>{place}|{tool})了?"),
        ("preference", "likes", rf"我(?:很|最|也|特别|特別)?(?:喜欢|喜歡|爱喝|愛喝|爱吃|愛吃)(?P<o>{thing})"),
        ("preference", "-likes", rf"我不(?:喜欢|喜歡|爱喝|愛喝|爱吃|愛吃)(?P<o>{thing})"),
        ("identity", "is aged", r"我(?:今年)?(?P<o>\d{1,3})[岁歲]了?"),
        ("decision", "~uses", rf"我们{now}(?:在)?(?:用|使用|采用|採用)(?:的是)? ?(?P<o>{tool})"),
        ("preference", "uses", rf"我{now}(?:在)?(?:用|使用) ?(?P<o>{tool})"),
        (
            "decision",
            "~switched to",
            rf"我们{now}(?:从 ?(?P<x>{tool}) ?)?(?:改用|换成|換成|换到|迁移到|切换到)了? ?(?P<o>{tool}) ?了?",
        ),
        ("decision", "~-uses", rf"我们(?:已经)?不(?:再)?用 ?(?P<o>{tool}) ?了?"),
        ("schedule", "is", rf"{event}(?:在|是|定在|安排在)(?P<o>{time})"),
        ("schedule", "is", rf"{event}(?:已经|已經)?(?:改到|改在|改成|推迟到|推遲到|提前到|延期到)了?(?P<o>{time})了?"),
        ("schedule", "is", rf"{event}(?:已经|已經|被)?(?P<o>取消)了?"),
    )
    hedge = (
        r"如果|要是|可能|也许|也許|或许|或許|大概|觉得|覺得|以为|以為|认为|認為|听说|聽說|说|說|以前|曾经|曾經|想|希望|假如|吗"
        r"|嗎|呢|的话|的話|应该|應該"
    )
    return Tongue(
        made,
        Form(hedge),
        Form(r"[,，;；、]|(?:而且|但是|因为|因為|所以)"),
        Form(r"(?:你好|您好|对了|對了|嗯|好的|记住|記住|请记住)[,，!！。:：]? ?"),
        Form(r"因为|因為"),
        Form(
            rf"(?:不对|不對|不是|不|错了|錯了|抱歉|更正|哦不)[,，。!！]? ?(?:应该是|應該是|是|改到|在)?(?:(?P<o>{time})"
            rf"|叫(?P<name>[{_HAN}]{{1,3}}))"
        ),
        Form(rf"(?:应该是|應該是|是|改到|在)?(?:(?P<o>{time})|叫(?P<name>[{_HAN}]{{1,3}}))"),
        (Form(rf"不是(?P<x>{time})[,，]?(?:而)?是(?P<o>{time})"),),
        fixing=Form(r"(?:不对|不對|不是|不|错了|錯了|抱歉|更正|哦不)[,，。!！] ?"),
    )


@cache
def japanese() -> Tongue:
    """Its forms. Who speaks is often not said: then only what nobody says of others is taken."""
    me = r"(?:私|わたし|僕|ぼく|俺)"
    place = r"[\u4e00-\u9fff\u30a0-\u30ff]{1,8}"
    thing = r"(?:(?!彼|彼女|あなた|君|これ|それ|あれ|その|この|こと|人)[\u4e00-\u9fff\u3040-\u30ff\u30a0-\u30ffー]){1,8}"
    tool = r"[A-Za-z][A-Za-z0-9.+#-]*(?: [A-Z][A-Za-z0-9.+#-]*){0,2}" + VERSION
    time = rf"(?:(?:{JA_DAY})の?)?(?:{JA_HOUR})|{JA_DAY}"
    event = (
        r"(?P<s>(?:[\u4e00-\u9fff\u30a0-\u30ffー]{0,6})(?:会議|打ち合わせ|ミーティング|面接|試験|予約|締め切り|締切|フライト"
        r"|パーティー|デモ|結婚式|授業))"
    )
    kin = r"(?P<s>犬|猫|息子|娘|妻|夫|兄|弟|姉|妹|母|父|上司)"
    now = r"(?:今は|今|現在|現在は)?"
    made = rules(
        rf"{me}は",
        ("identity", "is called", rf"{me}の名前は(?P<o>[\u4e00-\u9fff\u3040-\u30ff]{{1,8}}?)(?:です|といいます)"),
        ("identity", "is called", rf"{me}は(?P<o>[\u4e00-\u9fff\u3040-\u30ff]{{1,8}}?)(?:と申します|といいます|と言います)"),
        ("relation", "'is called", rf"(?:{me}の|うちの)?{kin}の名前は(?P<o>[\u4e00-\u9fff\u3040-\u30ff]{{1,8}}?)です"),
        ("identity", "lives in", rf"{me}は{now}(?P<o>{place})(?:に住んでいます|に住んでいて|に住んでる|で暮らしています)"),
        ("identity", "lives in", rf"(?:{me}は)?{now}(?P<o>{place})に引っ越し(?:ました|た)"),
        ("identity", "-lives in", rf"(?:{me}は)?もう(?P<o>{place})に(?:は)?住んでいません"),
        ("identity", "works at", rf"{me}は{now}(?P<o>{place}|{tool})(?:で働いています|で働いていて|に勤めています|で働いてる)"),
        ("correction", "-works at", rf"(?:{me}は)?(?P<o>{place}|{tool})を(?:辞めました|退職しました|辞めた|退職した)"),
        ("preference", "likes", rf"{me}は(?P<o>{thing})が(?:大)?好きです"),
        ("preference", "-likes", rf"{me}は(?P<o>{thing})が好きではありません"),
        ("preference", "dislikes", rf"{me}は(?P<o>{thing})が嫌いです"),
        ("identity", "is aged", rf"{me}は(?P<o>\d{{1,3}})歳です"),
        ("preference", "uses", rf"(?:{me}は)?{now}(?P<o>{tool})を使っています"),
        ("decision", "~uses", rf"(?:私たち|我々|うち)(?:は|では){now}(?P<o>{tool})を使っています"),
        (
            "preference",
            "switched to",
            rf"(?:{me}は|私たちは)?(?:(?P<x>{tool})から)?(?P<o>{tool})に(?:移行しました|切り替えました|乗り換えました|変えました)",
        ),
        ("schedule", "is", rf"{event}は(?P<o>{time})(?:です|にあります|から始まります)"),
        (
            "schedule",
            "is",
            rf"{event}は(?P<o>{time})に(?:変更になりました|変更されました|変更です|延期になりました"
            rf"|延期されました|なりました|移りました)",
        ),
        ("schedule", "is", rf"{event}は(?P<o>中止|キャンセル)(?:です|になりました|されました)"),
    )
    return Tongue(
        made,
        Form(r"と思|たら|れば|なら|もし|かもしれ|でしょう|だろう|らしい|と言|と聞|そうです|彼|たいです|か$"),
        Form(r"[、,，]|(?:が、|ので、|から、)"),
        Form(r"(?:こんにちは|はい|ちなみに|ところで|あと|実は)[、,，。!！]? ?"),
        Form(r"(?!)"),
        Form(
            rf"(?:いいえ|いえ|いや|違います|違う|すみません|訂正|やっぱり)[、,，。!！]? ?(?:(?P<o>{time})(?:です|でした)?"
            rf"|(?P<name>[\u4e00-\u9fff\u3040-\u30ff]{{1,8}}?)という名前です)"
        ),
        Form(rf"(?:(?P<o>{time})(?:です|でした)?|(?P<name>[\u4e00-\u9fff\u3040-\u30ff]{{1,8}}?)という名前です)"),
        (Form(rf"(?P<x>{time})ではなく(?:て)?、?(?P<o>{time})(?:です)?"),),
        fixing=Form(r"(?:いいえ|いえ|いや|違います|違う|すみません|訂正|やっぱり)[、,，。!！] ?"),
    )
