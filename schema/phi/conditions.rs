//! Names of health conditions, and what may follow or precede them, folded.
//!
//! Owns the lists: frequent diseases and conditions of primary and hospital care in Portuguese and
//! English, those that carry stigma in full. Refuses symptoms and laboratory values: a fever is a
//! health datum too, but a word for one is in every text. It is a list, not a terminology: what is
//! not here is not found (the labelled set says how much that is).

/// Words that name a condition by themselves.
pub(super) const CONDITIONS: &str = "
    hiv aids soropositivo soropositiva diabetes diabetico diabetica hipertensao hipertenso
    hipertensa cancer tumor neoplasia leucemia linfoma carcinoma melanoma mieloma sarcoma
    metastase depressao ansiedade esquizofrenia bipolar autismo autista tdah psicose anorexia
    bulimia epilepsia parkinson alzheimer demencia esclerose enxaqueca hepatite sifilis gonorreia
    hpv tuberculose hanseniase dengue zika chikungunya malaria leishmaniose covid influenza
    meningite infarto avc aneurisma trombose arritmia fibrilacao cardiopatia miocardite cirrose
    asma dpoc pneumonia bronquiolite bronquite enfisema fibrose sepse septicemia anemia
    hemofilia talassemia obesidade dislipidemia hipotireoidismo hipertireoidismo gota artrite
    artrose osteoporose fibromialgia lombalgia hernia lupus psoriase vitiligo eczema
    dermatite endometriose eclampsia infertilidade menopausa prostatite nefropatia
    glaucoma catarata retinopatia surdez gastrite ulcera colite pancreatite apendicite
    alcoolismo alcoolista tabagismo paraplegia tetraplegia sarampo caxumba rubeola
    hypertension leukemia lymphoma depression anxiety schizophrenia autism psychosis epilepsy
    dementia sclerosis migraine hepatitis syphilis gonorrhea tuberculosis leprosy meningitis
    infarction stroke aneurysm thrombosis arrhythmia cirrhosis asthma copd bronchitis emphysema
    fibrosis sepsis anaemia hemophilia obesity dyslipidemia hypothyroidism gout arthritis
    osteoporosis fibromyalgia psoriasis endometriosis preeclampsia infertility nephropathy
    cataract gastritis ulcer colitis pancreatitis appendicitis alcoholism measles cholera
";

/// Words that name a condition only together with what qualifies them.
pub(super) const HEADS: &str = "
    doenca sindrome transtorno insuficiencia febre disease syndrome disorder failure fever
";

/// What may follow a condition's name (English: precede it) and belongs to it.
pub(super) const QUALIFIERS: &str = "
    mellitus arterial sistemica pulmonar cardiaca cardiaco renal hepatica hepatico respiratoria
    cronica cronico aguda agudo falciforme isquemico isquemica hemorragico hemorragica amarela
    tifoide reumatica reumatoide gestacional mama prostata pulmao colo utero estomago figado
    pancreas intestino reto bexiga tireoide ovario pele cerebro multipla amiotrofica lateral
    miocardio coronariana coronaria vascular cerebral alcoolica gordurosa inflamatoria intestinal
    afetivo bipolar obsessivo compulsivo panico generalizada alimentar aspergillus ferropriva
    megaloblastica atrial profunda venosa bacteriana viral congenita congenito
    heart kidney liver lung breast prostate colon chronic acute sickle cell yellow rheumatoid
    multiple myocardial coronary atrial deep vein major bipolar essential gestational cervical
    ovarian gastric pancreatic skin brain thyroid
";
