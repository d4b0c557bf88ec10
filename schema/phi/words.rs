//! The words that give an identifier its meaning, and how a word is looked up.
//!
//! Owns the vocabulary (context words, titles, months, states, common given names, health terms)
//! and a lookup table made at build time, because a fresh guest instance looks up every word of a
//! text. Refuses words longer than sixteen letters: none of them means anything here.

use std::ops::BitOr;

/// A word without accents and in lower case, packed into one integer; zero is no word.
pub(super) type Folded = u128;

/// The longest word that packs.
pub(super) const FOLDED_MAX: usize = 16;

/// What a word may mean; one word may mean several things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traits(u32);

impl Traits {
    pub(super) const NONE: Self = Self(0);
    pub(super) const CPF: Self = Self(1);
    pub(super) const RG: Self = Self(1 << 1);
    pub(super) const CNPJ: Self = Self(1 << 2);
    pub(super) const CNS: Self = Self(1 << 3);
    pub(super) const PHONE: Self = Self(1 << 4);
    /// A word that makes the next number a medical record's.
    pub(super) const RECORD: Self = Self(1 << 5);
    /// A word that does so only when the number is marked as one.
    pub(super) const REGISTRY: Self = Self(1 << 6);
    pub(super) const CRM: Self = Self(1 << 7);
    pub(super) const BIRTH: Self = Self(1 << 8);
    pub(super) const TITLE: Self = Self(1 << 9);
    /// A word for a person whose name may follow.
    pub(super) const PERSON: Self = Self(1 << 10);
    /// A word for a name.
    pub(super) const NAME: Self = Self(1 << 11);
    pub(super) const CONNECTOR: Self = Self(1 << 12);
    /// A word that may stand between a label and what it labels.
    pub(super) const FILLER: Self = Self(1 << 13);
    /// A word that says that a number follows.
    pub(super) const NUMBER: Self = Self(1 << 14);
    /// A word that begins the name of a place or an institution.
    pub(super) const PLACE: Self = Self(1 << 15);
    pub(super) const MONTH: Self = Self(1 << 16);
    pub(super) const STATE: Self = Self(1 << 17);
    pub(super) const GIVEN: Self = Self(1 << 18);
    pub(super) const HEALTH: Self = Self(1 << 19);
    /// A word that is written with a capital and is no part of a name.
    pub(super) const COMMON: Self = Self(1 << 20);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn any(self, wanted: Self) -> bool {
        self.0 & wanted.0 != 0
    }
}

impl BitOr for Traits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// Adds one folded letter to a packed word.
pub(super) const fn pack(word: Folded, letter: u8) -> Folded {
    word << 8 | letter as Folded
}

/// What a folded word means.
pub(super) fn traits(word: Folded) -> Traits {
    let mut slot = slot_of(word);
    loop {
        // Slots hold a place in the list plus one; most words are in no slot at all.
        let place = INDEX.get(slot).copied().unwrap_or_default();
        match ENTRIES.get(usize::from(place).wrapping_sub(1)) {
            Some((key, traits)) if *key == word => return *traits,
            Some(_) => slot = (slot + 1) % SLOTS,
            None => return Traits::NONE,
        }
    }
}

/// The month a folded word names.
pub(super) fn month(word: Folded) -> Option<u32> {
    MONTHS.iter().zip(1..).find_map(|(names, month)| {
        names
            .iter()
            .any(|name| packed(name.as_bytes()) == word)
            .then_some(month)
    })
}

/// Twice the vocabulary and more, so that a miss costs about one probe.
const SLOTS: usize = 2048;

/// Room for the vocabulary; one word too many does not compile.
const ENTRIES_MAX: usize = 1000;

const TABLE: Table = table();
static INDEX: [u16; SLOTS] = TABLE.index;
static ENTRIES: [(Folded, Traits); ENTRIES_MAX] = TABLE.entries;

/// The words in one list and their places in slots apart: a guest begins with cold memory, and a
/// word that means nothing should touch little of it.
struct Table {
    index: [u16; SLOTS],
    entries: [(Folded, Traits); ENTRIES_MAX],
}

const fn slot_of(word: Folded) -> usize {
    let half = (word as u64) ^ (word >> 64) as u64;
    (half.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) as usize
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs at build time, where it is a compile error"
)]
const fn packed(word: &[u8]) -> Folded {
    let mut folded = 0;
    let mut at = 0;
    while at < word.len() {
        folded = pack(folded, word[at]);
        at += 1;
    }
    folded
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs at build time, where it is a compile error"
)]
const fn table() -> Table {
    let mut table = Table {
        index: [0; SLOTS],
        entries: [(0, Traits::NONE); ENTRIES_MAX],
    };
    let mut used = 0;
    let mut group = 0;
    while group < WORDS.len() {
        let (traits, words) = WORDS[group];
        let bytes = words.as_bytes();
        let mut word = 0;
        let mut at = 0;
        while at <= bytes.len() {
            if at < bytes.len() && bytes[at] != b' ' && bytes[at] != b'\n' {
                word = pack(word, bytes[at]);
            } else if word != 0 {
                let mut slot = slot_of(word);
                while table.index[slot] != 0
                    && table.entries[table.index[slot] as usize - 1].0 != word
                {
                    slot = (slot + 1) % SLOTS;
                }
                if table.index[slot] == 0 {
                    table.entries[used].0 = word;
                    used += 1;
                    table.index[slot] = used as u16;
                }
                let entry = &mut table.entries[table.index[slot] as usize - 1];
                entry.1 = entry.1.with(traits);
                word = 0;
            }
            at += 1;
        }
        group += 1;
    }
    table
}

const MONTHS: [[&str; 2]; 12] = [
    ["janeiro", "jan"],
    ["fevereiro", "fev"],
    ["marco", "mar"],
    ["abril", "abr"],
    ["maio", "mai"],
    ["junho", "jun"],
    ["julho", "jul"],
    ["agosto", "ago"],
    ["setembro", "set"],
    ["outubro", "out"],
    ["novembro", "nov"],
    ["dezembro", "dez"],
];

/// Folded words by meaning. A word may stand in several groups; its meanings add up.
const WORDS: &[(Traits, &str)] = &[
    (Traits::CPF, "cpf cic"),
    (Traits::RG, "rg identidade"),
    (Traits::CNPJ, "cnpj cgc"),
    (Traits::CNS, "cns sus cartao carteirinha"),
    (
        Traits::PHONE,
        "telefone telefones tel fone fones celular celulares cel whatsapp whats zap contato
        ramal ligar ligue recado fax",
    ),
    (
        Traits::RECORD,
        "prontuario pront atendimento internacao matricula same",
    ),
    (Traits::REGISTRY, "registro reg"),
    (
        Traits::CRM,
        "crm cremesp cremerj cremers cremeb cremepe cremego cremesc cremec crmmg crmpr",
    ),
    (
        Traits::BIRTH,
        "nascido nascida nascidos nascidas nascimento nasceu nasc dn dtnasc",
    ),
    (
        Traits::TITLE,
        "sr sra srta srs sras dr dra drs dras prof profa senhor senhora doutor doutora dona
        enf enfa enfermeiro enfermeira",
    ),
    (
        Traits::PERSON,
        "paciente mae pai filho filha irmao irma esposa esposo marido conjuge companheiro
        companheira responsavel acompanhante genitora genitor cuidador cuidadora solicitante
        medico medica gestante parturiente residente beneficiario beneficiaria titular usuario
        usuaria testemunha assinado atendido atendida internado internada",
    ),
    (Traits::NAME, "nome nomes chamado chamada"),
    (Traits::CONNECTOR, "de da do das dos e del di van von"),
    (
        Traits::FILLER,
        "a o as os em no na dia data sob com portador portadora inscrito inscrita e de da do das
        dos completo completa social civil ao aos por pelo pela hospitalar geral ambulatorial
        carteira cedula documento mail email endereco eletronico nacional saude ssp detran ssppr
        registrado registrada identificado identificada chama se cadastro fisica pessoa local
        medico medica paciente natural seu sua sendo foi id",
    ),
    (Traits::NUMBER, "n no nr num numero numeros nro"),
    (
        Traits::PLACE,
        "hospital clinica instituto universidade faculdade fundacao santa casa rua avenida av
        praca rodovia travessa alameda bairro cidade estado municipio ministerio secretaria
        conselho sociedade associacao federacao laboratorio laboratorios farmacia upa ubs posto
        unidade centro colegio escola editora revista departamento servico programa projeto lei
        resolucao decreto portaria edificio condominio vila jardim parque empresa ltda grupo
        agencia organizacao biblioteca academia maternidade ambulatorio pronto",
    ),
    (
        Traits::MONTH,
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
        jan fev mar abr mai jun jul ago set out nov dez",
    ),
    (
        Traits::STATE,
        "ac al ap am ba ce df es go ma mt ms mg pa pb pr pe pi rj rn rs ro rr sc sp se to",
    ),
    (Traits::GIVEN, super::given::GIVEN_NAMES),
    (
        Traits::HEALTH,
        "hiv aids cid diagnostico diagnosticada diagnosticado diabetes diabetico diabetica
        hipertensao hipertenso hipertensa cancer tumor neoplasia leucemia linfoma carcinoma
        depressao ansiedade esquizofrenia bipolar autismo psicose epilepsia parkinson alzheimer
        hepatite sifilis tuberculose hanseniase dengue covid gestacao gravidez gravida aborto
        infarto avc cardiopatia insuficiencia cirrose asma dpoc pneumonia sepse anemia obesidade
        exame exames biopsia tomografia ressonancia hemograma glicemia laudo receita prescricao
        medicamento insulina metformina losartana quimioterapia radioterapia cirurgia transplante
        hemodialise uti alergia alergico alergica sintomas dor febre tratamento terapia doenca
        sindrome transtorno suicidio dependencia alcoolismo internacao alta",
    ),
    (
        Traits::COMMON,
        "ele ela eles elas este esta esse essa isto isso aquele aquela um uma uns umas que quem
        qual como quando onde porque mas ou nem nao sim ja ainda hoje ontem amanha para sem sobre
        entre apos antes durante segundo conforme tambem todo toda todos todas cada outro outra
        brasil brasileiro brasileira idoso idosa adulto adulta crianca criancas masculino
        feminino sexo idade anos endereco cep bairro data hora motivo queixa historia conduta
        evolucao resultado resultados conclusao introducao metodos discussao referencias objetivo
        tipo grau fase estagio leito quarto sala setor convenio plano comercial fantasia
        cientifico generico popular critico grave cronico cronica agudo aguda estavel renal
        cardiaco oncologico pediatrico cirurgico ambulatorial internado vitimas informacoes
        telefone celular observacao observacoes segunda terca quarta quinta sexta sabado domingo
        federal estadual municipal publico publica deus lgpd anvisa cfm ans oms pubmed scielo
        encaminhei atendi avaliei examinei conversei solicitei orientei medicamos internamos relata
        refere nega apresenta procurou compareceu recebeu faz fez tem tinha deve pode",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str) -> Traits {
        traits(packed(word.as_bytes()))
    }

    #[test]
    fn a_word_may_mean_several_things() {
        assert!(of("marco").any(Traits::MONTH) && of("marco").any(Traits::GIVEN));
        assert!(of("se").any(Traits::STATE) && of("se").any(Traits::FILLER));
        assert_eq!(of("xyzzy"), Traits::NONE);
        assert_eq!(month(packed(b"dez")), Some(12));
        assert_eq!(month(packed(b"marco")), Some(3));
        assert_eq!(month(packed(b"maria")), None);
    }

    #[test]
    fn every_word_is_found_with_the_meaning_it_was_listed_under() {
        let mut count = 0;
        for (traits, words) in WORDS {
            for word in words.split_whitespace() {
                assert!(word.len() <= FOLDED_MAX, "{word}");
                assert!(of(word).any(*traits), "{word}");
                count += 1;
            }
        }
        assert!(
            count * 2 <= SLOTS,
            "the table is fuller than its lookup assumes: {count}"
        );
    }
}
