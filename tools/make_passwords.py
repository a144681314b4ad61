#!/usr/bin/env python3
"""Writes src/app/common_passwords.inc: common passwords of 15 to 40 characters, folded and sorted.

Usage: tools/make_passwords.py > src/app/common_passwords.inc

Lists of common passwords hold few that are as long as we ask for; what people do when they must is to
join, repeat and decorate the short ones. So the short ones stand here, and the list is made of them.
"""

WORDS = """password passw0rd p@ssword p@ssw0rd letmein welcome iloveyou iloveu sunshine princess football
baseball basketball superman batman spiderman dragon monkey shadow master michael jordan jennifer
jessica ashley charlie andrew daniel thomas trustno1 starwars pokemon computer internet samsung
google facebook whatever freedom liverpool chelsea arsenal manchester united barcelona qwerty
qwertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx 1qaz2wsx abc123 admin administrator root user
test testing guest changeme default secret hello helloworld lovely loveme lover family summer winter
spring autumn flower cookie chocolate cheese banana orange purple yellow hunter ginger pepper
buster killer soccer hockey harley ranger summer2026 mustang corvette ferrari mercedes yamaha
correcthorsebatterystaple shopping shoppinglist groceries lists mylist todolist""".split()
TAILS = ["1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "!", "!!",
         "!1", "1!", "123!", "01", "007", "69", "2020", "2021", "2022", "2023", "2024", "2025", "2026"]
PHRASES = """thequickbrownfox thequickbrownfoxjumps tobeornottobe tobeornottobethatisthequestion
iloveyouforever iloveyousomuch iloveyouverymuch mypasswordisgood thisismypassword thisisapassword
thisismypassword1 passwordpassword1 mysecretpassword mysupersecretpassword supersecretpassword
ihatepasswords letmeinplease openthedoorplease pleaseletmein nopasswordneeded idontknowmypassword
iforgotmypassword correct-horse-battery-staple correcthorsebattery maytheforcebewithyou
onceuponatimeinamerica onceuponatime123 winteriscoming123 liverpoolfc12345 manchesterunited
manchesterunited1 youllneverwalkalone jesuslovesyou123 jesuschristislord godisgoodallthetime
inthenameofgod11 happybirthday123 merrychristmas123 helloworldhelloworld""".split()


def all_of_them():
    yield from PHRASES
    for first in WORDS:
        for second in WORDS:
            yield first + second
        for tail in TAILS:
            yield first + tail
            yield first + first + tail


print("\n".join(f'    "{each}",' for each in sorted({p for p in all_of_them() if 15 <= len(p) <= 40})))
